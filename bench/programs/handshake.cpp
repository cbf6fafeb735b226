// Mutual TLS handshakes. One has been done when the server's session ticket is here, which it sends only after it has
// judged the client's certificate. Some send it only with their first answer, and forget a session whose connection
// they could not write to: where HTTP/2 was agreed on, settings are exchanged before the connection is closed.

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

#include <openssl/err.h>
#include <unistd.h>

#include "channel.hpp"

namespace bench {

namespace {

struct FreeSession {
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};

class Handshakes final : public Channel {
 public:
  Handshakes(const Plan& plan, const Address& address, SSL_CTX* context, Asker& asker, Poller& poller)
      : plan_(plan), address_(address), context_(context), asker_(asker), poller_(poller) {
    if (context == nullptr) throw std::runtime_error("handshakes need tls=1");
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, [](SSL* ssl, SSL_SESSION* session) {
      static_cast<Handshakes*>(SSL_get_app_data(ssl))->ticket_.reset(session);
      return 1;
    });
  }
  ~Handshakes() override { ::close(fd_); }
  Handshakes(const Handshakes&) = delete;
  Handshakes& operator=(const Handshakes&) = delete;

  void ask(Nanos intended) override {
    intended_ = intended;
    offered_ = plan_.resume && ticket_;
    fd_ = connect_to(address_);
    ssl_.reset(SSL_new(context_));
    SSL_set_fd(ssl_.get(), fd_);
    SSL_set_app_data(ssl_.get(), this);
    SSL_set_tlsext_host_name(ssl_.get(), "localhost");
    SSL_set_connect_state(ssl_.get());
    if (offered_) SSL_set_session(ssl_.get(), ticket_.get());
    ticket_.reset();
    greeted_ = false;
    answer_.clear();
    awaited_ = {};
    poller_.add(fd_, *this);
  }

  void flush() override {}

  // Also told of events of the connection before, in the same batch: to look once more does no harm.
  void ready(std::uint32_t) override {
    if (!ssl_) return;
    if (!greeted_ && SSL_do_handshake(ssl_.get()) == 1) greet();
    std::array<char, 4096> buffer;
    int got = 0;
    do {
      ERR_clear_error();
      got = SSL_read(ssl_.get(), buffer.data(), buffer.size());
      if (got > 0) answer_.append(buffer.data(), static_cast<std::size_t>(got));
    } while (got > 0);
    if (ticket_ && answer_.find(awaited_) != answer_.npos) return done();
    const int error = SSL_get_error(ssl_.get(), got);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) fail("a handshake failed");
  }

 private:
  void greet() {
    static constexpr std::string_view kPreface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
    static constexpr std::string_view kAcknowledged("\0\0\0\4\1\0\0\0\0", 9);
    greeted_ = true;
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    if (std::string_view(reinterpret_cast<const char*>(name), size) != "h2") return;
    awaited_ = kAcknowledged;
    SSL_write(ssl_.get(), kPreface.data(), kPreface.size());
  }

  void done() {
    const bool resumed = SSL_session_reused(ssl_.get()) == 1;
    SSL_shutdown(ssl_.get());  // the end of a connection that was cut would be the end of its session
    close();
    if (resumed != offered_) return fail(offered_ ? "a session was not resumed" : "a session was resumed");
    asker_.answered(*this, intended_);
  }

  void close() {
    ssl_.reset();
    ::close(fd_);
    fd_ = -1;
  }

  void fail(const std::string& why) {
    close();
    asker_.failed(*this, why);
  }

  const Plan& plan_;
  Address address_;
  SSL_CTX* context_;
  Asker& asker_;
  Poller& poller_;
  int fd_ = -1;
  std::unique_ptr<SSL, FreeSsl> ssl_;
  std::unique_ptr<SSL_SESSION, FreeSession> ticket_;
  Nanos intended_{0};
  bool offered_ = false;
  bool greeted_ = false;
  std::string answer_;
  std::string_view awaited_;  // in the answer
};

}  // namespace

std::unique_ptr<Channel> handshake_channel(const Plan& plan, const Address& address, SSL_CTX* context, Asker& asker,
                                           Poller& poller) {
  return std::make_unique<Handshakes>(plan, address, context, asker, poller);
}

}  // namespace bench
