#include "transport.hpp"

#include <array>
#include <cerrno>
#include <stdexcept>

#include <openssl/err.h>
#include <unistd.h>

namespace bench {

namespace {

constexpr std::size_t kBuffer = 64U << 10U;

Io outcome_of(SSL* ssl, int result) {
  const int error = SSL_get_error(ssl, result);
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? Io::later : Io::closed;
}

}  // namespace

SslContext client_context(const std::vector<std::string>& alpn, const std::string& certificate) {
  SslContext context(SSL_CTX_new(TLS_client_method()));
  std::string wire;
  for (const std::string& name : alpn) wire += static_cast<char>(name.size()) + name;
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(context.get(), "TLS_AES_128_GCM_SHA256") != 1 ||
      SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                              static_cast<unsigned>(wire.size())) != 0)
    throw std::runtime_error("OpenSSL gives no context");
  if (!certificate.empty() && (SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) != 1 ||
                               SSL_CTX_use_PrivateKey_file(context.get(), certificate.c_str(), SSL_FILETYPE_PEM) != 1))
    throw std::runtime_error(certificate + " has no certificate and key");
  SSL_CTX_set_read_ahead(context.get(), 1);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

Transport::Transport(const Address& address, SSL_CTX* context) : fd_(connect_to(address)) {
  if (context == nullptr) return;
  ssl_.reset(SSL_new(context));
  SSL_set_fd(ssl_.get(), fd_);
  SSL_set_tlsext_host_name(ssl_.get(), "localhost");
  SSL_set_connect_state(ssl_.get());
}

Transport::~Transport() { ::close(fd_); }

Transport::Got Transport::read() {
  static std::array<char, kBuffer> buffer;
  if (!ssl_) {
    const ssize_t got = ::read(fd_, buffer.data(), buffer.size());
    if (got < 0 && errno == EAGAIN) return {.io = Io::later, .bytes = {}, .more = false};
    if (got <= 0) return {.io = Io::closed, .bytes = {}, .more = false};
    const auto size = static_cast<std::size_t>(got);
    return {.io = Io::done, .bytes = {buffer.data(), size}, .more = size == buffer.size()};
  }
  ERR_clear_error();
  const int got = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
  if (got <= 0) return {.io = outcome_of(ssl_.get(), got), .bytes = {}, .more = false};
  return {.io = Io::done, .bytes = {buffer.data(), static_cast<std::size_t>(got)}, .more = true};
}

Io Transport::flush() {
  std::size_t sent = 0;
  Io io = Io::done;
  while (io == Io::done && sent < unsent_.size()) {
    const std::size_t left = unsent_.size() - sent;
    ssize_t count = 0;
    if (ssl_) {
      ERR_clear_error();
      count = SSL_write(ssl_.get(), unsent_.data() + sent, static_cast<int>(left));
      if (count <= 0) io = outcome_of(ssl_.get(), static_cast<int>(count));
    } else {
      count = ::write(fd_, unsent_.data() + sent, left);
      if (count < 0) io = errno == EAGAIN ? Io::later : Io::closed;
    }
    if (count > 0) sent += static_cast<std::size_t>(count);
  }
  unsent_.erase(0, sent);
  return io;
}

}  // namespace bench
