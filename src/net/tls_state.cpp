#include "net/tls_state.hpp"

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <utility>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/release.hpp"
#include "net/address.hpp"
#include "net/stream_source.hpp"

namespace bulkhead::net {
namespace {

constexpr std::size_t kRecord = SSL3_RT_MAX_PLAIN_LENGTH;
constexpr std::size_t kGathered = 64U << 10U;

TlsState& state_of(BIO* bio) { return *static_cast<TlsState*>(BIO_get_data(bio)); }

int read_bio(BIO* bio, char* buffer, int size) {
  BIO_clear_retry_flags(bio);
  const int count = state_of(bio).bio_read(buffer, static_cast<std::size_t>(size));
  if (count == -EAGAIN) BIO_set_retry_read(bio);
  return count < 0 ? -1 : count;
}

int write_bio(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const int count = state_of(bio).bio_write(bytes, static_cast<std::size_t>(size));
  if (count == -EAGAIN) BIO_set_retry_write(bio);
  return count < 0 ? -1 : count;
}

long control_bio(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return state_of(bio).at_end() ? 1 : 0;
  return 0;
}

int create_bio(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

// One for the process, made at the first use and never changed.
const BIO_METHOD* socket_method() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bulkhead socket");
    BIO_meth_set_read(method, &read_bio);
    BIO_meth_set_write(method, &write_bio);
    BIO_meth_set_ctrl(method, &control_bio);
    BIO_meth_set_create(method, &create_bio);
    return method;
  }();
  return kMethod;
}

// Whom a certificate is for, in words: its URI or DNS name, else its subject.
std::string describe(X509* certificate) {
  if (certificate == nullptr) return "nobody";
  std::string text;
  auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names) && text.empty(); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_URI && name->type != GEN_DNS) continue;
    const auto* bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.ia5));
    text.assign(bytes, static_cast<std::size_t>(std::clamp(ASN1_STRING_length(name->d.ia5), 0, 256)));
  }
  GENERAL_NAMES_free(names);
  if (text.empty()) {
    std::array<char, 256> subject{};
    X509_NAME_oneline(X509_get_subject_name(certificate), subject.data(), subject.size());
    text = subject.data();
  }
  // It comes from the peer and goes to logs.
  std::ranges::replace_if(text, [](unsigned char c) { return c < 0x20 || c > 0x7E; }, '?');
  return text;
}

bool is_about_certificate(int alert) {
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED: return true;
    default: return false;
  }
}

bool is_ip(const std::string& name) { return Address::ip(name, 0).has_value(); }

}  // namespace

Result<std::unique_ptr<TlsState>> TlsState::make(StreamSource& source, std::shared_ptr<TlsContext> context,
                                                 HandshakeOptions options) {
  std::unique_ptr<TlsState> state(new TlsState(source, std::move(context), std::move(options)));
  if (const auto set = state->set_up(); !set) return fail(set.error());
  return state;
}

Result<> TlsState::set_up() {
  ERR_clear_error();
  ssl_.reset(SSL_new(context_->get()));
  BIO* bio = BIO_new(socket_method());
  if (!ssl_ || bio == nullptr) {
    BIO_free(bio);
    return fail(Cause::internal, "TLS: {}", openssl_error());
  }
  BIO_set_data(bio, this);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
  if (context_->config().role == TlsRole::server) {
    SSL_set_accept_state(ssl_.get());
    return {};
  }
  SSL_set_connect_state(ssl_.get());
  const std::string& name = options_.server_name;
  if (!name.empty() && !is_ip(name)) SSL_set_tlsext_host_name(ssl_.get(), name.c_str());
  if (context_->config().peer == PeerCheck::server_name) {
    if (name.empty()) return fail(Cause::invalid, "TLS: the server's name is needed to verify it");
    SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const bool set = is_ip(name) ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), name.c_str()) == 1
                                 : SSL_set1_host(ssl_.get(), name.c_str()) == 1;
    if (!set) return fail(Cause::invalid, "TLS: \"{}\" is not a server's name", name);
  }
  if (options_.session && options_.session->context_ == context_.get() && options_.session->session_) {
    SSL_set_session(ssl_.get(), options_.session->session_.get());
  }
  return {};
}

TlsState::~TlsState() {
  // Otherwise OpenSSL takes a connection that was just dropped for an attack, and forgets its session.
  if (ssl_ && !broken_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

int TlsState::bio_read(char* buffer, std::size_t size) {
  const ssize_t count = source_.receive(buffer, std::min<std::size_t>(size, INT_MAX));
  if (count > 0) return static_cast<int>(count);
  if (count == 0) {
    at_end_ = true;
    return 0;
  }
  if (errno != EAGAIN) os_error_ = errno;
  return -errno;
}

int TlsState::bio_write(const char* bytes, std::size_t size) {
  std::string* behind = gathering_ != nullptr ? gathering_ : unsent_.empty() ? nullptr : &unsent_;
  if (behind != nullptr) {
    behind->append(bytes, size);
    return static_cast<int>(size);
  }
  const ssize_t count = source_.transmit(bytes, std::min<std::size_t>(size, INT_MAX));
  if (count >= 0) return static_cast<int>(count);
  if (errno != EAGAIN) os_error_ = errno;
  return -errno;
}

bool TlsState::verify(X509_STORE_CTX* store) {
  X509* leaf = X509_STORE_CTX_get0_cert(store);
  if (X509_verify_cert(store) != 1) {
    const int error = X509_STORE_CTX_get_error(store);
    refused_ = Fault{Cause::denied, fmt::format("the certificate of {} is not accepted: {}", describe(leaf),
                                                X509_verify_cert_error_string(error))};
    if (!options_.server_name.empty()) refused_->message += fmt::format(" (expected {})", options_.server_name);
    return false;
  }
  const auto accepted = accept_leaf(*leaf);
  if (accepted) return true;
  refused_ = accepted.error();
  X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
  return false;
}

Result<> TlsState::accept_leaf(X509& leaf) {
  if (context_->config().peer != PeerCheck::mesh) return {};
  if (context_->config().accept_peer) {
    auto peer = context_->config().accept_peer(leaf);
    if (!peer) return fail(within(fmt::format("the certificate of {}", describe(&leaf)), peer.error()));
    peer_ = std::move(*peer);
  }
  if (!options_.expect) return {};
  return options_.expect(peer_);
}

int TlsState::choose_certificate() {
  const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return 1;
  const auto& chosen = context_->certificate_for(name);
  return SSL_use_cert_and_key(ssl_.get(), chosen.leaf.get(), chosen.key.get(), chosen.chain.get(), 1);
}

void TlsState::remember_session(SSL_SESSION* session) {
  OpensslPtr<SSL_SESSION> owned(session);
  if (!options_.session) return;
  options_.session->context_ = context_.get();
  options_.session->session_ = std::move(owned);
}

Result<TlsState::Step> TlsState::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    const auto finished = finish_handshake();
    if (!finished) return fail(finished.error());
    return Step::done;
  }
  const int error = SSL_get_error(ssl_.get(), result);
  if (const auto step = step_of(error)) return *step;
  return fail(fault_of(error, "TLS handshake"));
}

Result<> TlsState::finish_handshake() {
  if (SSL_session_reused(ssl_.get()) == 1) {
    if (const auto checked = check_resumed(); !checked) {
      broken_ = true;
      return fail(within("TLS handshake", checked.error()));
    }
  }
  established_ = true;
  return {};
}

// No certificate was exchanged, so the one of the first handshake is judged again: its time may be over, or the rules
// changed.
Result<> TlsState::check_resumed() {
  const PeerCheck check = context_->config().peer;
  if (check == PeerCheck::none || check == PeerCheck::asked) return {};
  X509* leaf = SSL_get0_peer_certificate(ssl_.get());
  if (leaf == nullptr) return fail(Cause::denied, "the resumed session has no certificate");
  if (X509_cmp_current_time(X509_get0_notAfter(leaf)) <= 0) {
    return fail(Cause::denied, "the certificate of {} has expired", describe(leaf));
  }
  return accept_leaf(*leaf);
}

std::optional<TlsState::Step> TlsState::step_of(int error) const {
  if (error == SSL_ERROR_WANT_READ) return Step::wants_read;
  if (error == SSL_ERROR_WANT_WRITE) return Step::wants_write;
  return std::nullopt;
}

Fault TlsState::fault_of(int error, const char* doing) {
  broken_ = true;
  if (refused_) return within(doing, *refused_);
  if (error == SSL_ERROR_SYSCALL && os_error_ != 0) return connection_fault(doing, os_error_);
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_REASON(code);
  if (error == SSL_ERROR_SYSCALL || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    ERR_clear_error();
    return Fault{Cause::closed, fmt::format("{}: the peer ended the connection without close_notify", doing)};
  }
  const bool denied = reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE ||
                      (reason > SSL_AD_REASON_OFFSET && is_about_certificate(reason - SSL_AD_REASON_OFFSET));
  return Fault{denied ? Cause::denied : Cause::protocol, fmt::format("{}: {}", doing, openssl_error())};
}

std::optional<Result<std::size_t>> TlsState::read(std::span<char> buffer) {
  if (read_fault_) return fail(*std::exchange(read_fault_, std::nullopt));
  source_.set_reader_needs_writable(false);
  std::size_t total = 0;
  while (total < buffer.size()) {
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_read_ex(ssl_.get(), buffer.data() + total, buffer.size() - total, &count);
    if (result == 1) {
      total += count;
      if (!source_.readable && !has_pending()) break;
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), result);
    const auto step = step_of(error);
    if (total > 0) {
      // The data first; OpenSSL says an end again, but a fault only once.
      if (!step && error != SSL_ERROR_ZERO_RETURN) {
        read_fault_ = fault_of(error, "TLS read");
        source_.readable = true;  // as a reader that waits for readiness has something to meet
      }
      break;
    }
    if (error == SSL_ERROR_ZERO_RETURN) return 0U;
    if (!step) return fail(fault_of(error, "TLS read"));
    source_.set_reader_needs_writable(*step == Step::wants_write);
    return std::nullopt;
  }
  return total;
}

// The next bytes to encrypt as one record: the first piece itself if it fills one or is the last, else small pieces
// gathered.
std::string_view TlsState::next_chunk(const Pieces& pieces, std::span<char> scratch) const {
  const iovec& first = pieces.list.front();
  const std::string_view front(static_cast<const char*>(first.iov_base) + pieces.offset, first.iov_len - pieces.offset);
  if (front.size() >= scratch.size() || pieces.list.size() == 1)
    return front.substr(0, std::min(front.size(), kRecord));
  std::size_t size = 0;
  std::size_t offset = pieces.offset;
  for (const iovec& piece : pieces.list) {
    const std::size_t part = std::min(piece.iov_len - offset, scratch.size() - size);
    if (part > 0) std::memcpy(scratch.data() + size, static_cast<const char*>(piece.iov_base) + offset, part);
    size += part;
    offset = 0;
    if (size == scratch.size()) break;
  }
  return {scratch.data(), size};
}

// Hands over what is left of the last records; false when the socket takes no more.
bool TlsState::send_records() {
  if (unsent_.empty()) return true;
  const ssize_t count = source_.transmit(unsent_.data(), unsent_.size());
  if (count > 0) unsent_.erase(0, static_cast<std::size_t>(count));
  if (unsent_.empty()) release(unsent_);
  return unsent_.empty();
}

// All records that fit go to the kernel in one call.
std::optional<Result<>> TlsState::write(Pieces& pieces) {
  static thread_local std::string records;
  while (true) {
    if (!send_records()) {
      if (errno == EAGAIN || !source_.writable) return std::nullopt;
      broken_ = true;
      return fail(connection_fault("TLS write", errno));
    }
    if (pieces.done()) return Result<>{};
    records.clear();
    gathering_ = &records;
    auto encrypted = encrypt(pieces);
    gathering_ = nullptr;
    const ssize_t count = records.empty() ? 0 : source_.transmit(records.data(), records.size());
    if (count < 0 && errno != EAGAIN) {
      broken_ = true;
      return fail(connection_fault("TLS write", errno));
    }
    unsent_.assign(records, static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (encrypted) return encrypted;
  }
}

// Makes records of `pieces` until there are kGathered bytes of them; a Fault, or nothing.
std::optional<Result<>> TlsState::encrypt(Pieces& pieces) {
  static thread_local std::array<char, kRecord> scratch;
  while (!pieces.done() && gathering_->size() < kGathered) {
    const std::string_view chunk = next_chunk(pieces, scratch);
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_write_ex(ssl_.get(), chunk.data(), chunk.size(), &count);
    if (result == 1) {
      pieces.advance(count);
      continue;
    }
    return fail(fault_of(SSL_get_error(ssl_.get(), result), "TLS write"));
  }
  return std::nullopt;
}

Result<TlsState::Step> TlsState::shut_down() {
  if (broken_ || !established_) return Step::done;
  ERR_clear_error();
  const int result = SSL_shutdown(ssl_.get());
  if (result >= 0) return Step::done;
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_WRITE) return Step::wants_write;
  return fail(fault_of(error, "TLS end"));
}

bool TlsState::is_idle() {
  if (broken_ || at_end_ || read_fault_ || SSL_pending(ssl_.get()) > 0) return false;
  if (!source_.readable && !has_pending()) return true;
  char byte = 0;
  std::size_t count = 0;
  ERR_clear_error();
  const int result = SSL_peek_ex(ssl_.get(), &byte, 1, &count);
  return result != 1 && SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ;
}

}  // namespace bulkhead::net
