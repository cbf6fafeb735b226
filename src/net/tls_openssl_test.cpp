// Our records against OpenSSL's own: a peer that is OpenSSL from its handshake to its end, in a thread of its own.

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <thread>

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/gate.hpp"
#include "net/stream.hpp"
#include "net/tls_fixture.hpp"

namespace bulkhead::net {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kVolume = std::size_t{3} << 20U;

std::string patterned(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 2654435761U >> 11U);
  return text;
}

// What the peer does on a blocking socket; it says false for what should not be.
using Peer = std::function<bool(SSL* ssl)>;

class OpensslPeerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { std::signal(SIGPIPE, SIG_IGN); }  // of a peer that writes to what we closed

  OpensslPtr<SSL_CTX> peer_context(bool server) {
    OpensslPtr<SSL_CTX> context(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()));
    if (server) {
      SSL_CTX_use_certificate(context.get(), server_.certificate.get());
      SSL_CTX_use_PrivateKey(context.get(), server_.key.get());
    }
    return context;
  }
  std::shared_ptr<TlsContext> our_context(bool server) {
    TlsConfig config{.role = server ? TlsRole::server : TlsRole::client, .allow_tls12 = true, .peer = PeerCheck::none};
    if (server) config.credentials = {server_.credential()};
    auto made = TlsContext::make(config);
    EXPECT_TRUE(made) << made.error().message;
    return *made;
  }

  // We are the other role than the peer, and `ours` runs after the handshake.
  void run(bool peer_is_server, SSL_CTX* peer_context, const Peer& peer, const std::function<Task<>(Stream&)>& ours) {
    int fds[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    bool peer_right = false;
    std::thread thread([&] {
      const OpensslPtr<SSL> ssl(SSL_new(peer_context));
      SSL_set_fd(ssl.get(), fds[1]);
      peer_right = (peer_is_server ? SSL_accept(ssl.get()) : SSL_connect(ssl.get())) == 1 && peer(ssl.get());
      ::close(fds[1]);
    });
    const auto test = [&]() -> Task<> {
      Stream stream = std::move(*Stream::adopt(loop_, Fd(fds[0])));
      const auto shaken =
          co_await stream.handshake(our_context(!peer_is_server), {.session = std::make_shared<TlsSession>()}, soon());
      EXPECT_TRUE(shaken) << shaken.error().message;
      if (shaken) co_await ours(stream);
    };
    loop_.run(test());
    thread.join();
    EXPECT_TRUE(peer_right);
  }
  Deadline soon() const { return loop_.in(20s); }

  // Echoes in reads and writes of many sizes until the peer's end, and ends too.
  Task<> echo(Stream& stream) {
    std::string buffer(40'000, '\0');
    for (std::size_t size = 1;; size = size * 7 % buffer.size() + 1) {
      const auto count = co_await stream.read(std::span(buffer).first(size), soon());
      EXPECT_TRUE(count) << count.error().message;
      if (!count || *count == 0) break;
      const std::string_view got = std::string_view(buffer).substr(0, *count);
      const std::array<iovec, 2> pieces = {iovec{buffer.data(), *count / 3},
                                           iovec{buffer.data() + *count / 3, got.size() - *count / 3}};
      const auto written = co_await stream.write(pieces, soon());
      EXPECT_TRUE(written);
      if (!written) break;
    }
    const auto ended = co_await stream.shutdown_write(soon());
    EXPECT_TRUE(ended);
  }

  Loop loop_;
  Issued root_ = issue("", nullptr);
  Issued server_ = issue("DNS:localhost", &root_);
};

bool write_all(SSL* ssl, std::string_view text) {
  std::size_t written = 0;
  return SSL_write_ex(ssl, text.data(), text.size(), &written) == 1 && written == text.size();
}

bool read_all(SSL* ssl, std::string_view expected) {
  std::string got(expected.size(), '\0');
  for (std::size_t at = 0; at < got.size();) {
    std::size_t count = 0;
    if (SSL_read_ex(ssl, got.data() + at, got.size() - at, &count) != 1) return false;
    at += count;
  }
  return got == expected;
}

bool end_both(SSL* ssl) {
  char byte = 0;
  std::size_t count = 0;
  return SSL_shutdown(ssl) == 0 && SSL_read_ex(ssl, &byte, 1, &count) != 1 &&
         (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
}

// Three MiB there and back, in lumps after each of which the peer may change its keys, and want us to.
Peer sends_and_gets_back(int update_type) {
  return [update_type](SSL* ssl) {
    const std::string text = patterned(kVolume);
    for (std::size_t at = 0, size = 1; at < text.size(); at += size, size = size * 5 % 60'000 + 1) {
      const std::string_view lump = std::string_view(text).substr(at, size);
      if (!write_all(ssl, lump) || !read_all(ssl, lump)) return false;
      if (update_type != SSL_KEY_UPDATE_NONE && at % 3 == 0 && SSL_key_update(ssl, update_type) != 1) return false;
    }
    return end_both(ssl);
  };
}

TEST_F(OpensslPeerTest, EverySuiteInBothRoles) {
  for (const auto* suite : {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}) {
    for (const bool peer_is_server : {false, true}) {
      SCOPED_TRACE(testing::Message() << suite << (peer_is_server ? " server" : " client"));
      const auto context = peer_context(peer_is_server);
      SSL_CTX_set_ciphersuites(context.get(), suite);
      run(peer_is_server, context.get(), sends_and_gets_back(SSL_KEY_UPDATE_NONE),
          [this](Stream& stream) { return echo(stream); });
    }
  }
}

TEST_F(OpensslPeerTest, KeysThatChangeAndAreAskedToChange) {
  for (const int type : {SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED}) {
    for (const bool peer_is_server : {false, true}) {
      SCOPED_TRACE(testing::Message() << type << (peer_is_server ? " server" : " client"));
      const auto context = peer_context(peer_is_server);
      run(peer_is_server, context.get(), sends_and_gets_back(type), [this](Stream& stream) { return echo(stream); });
    }
  }
}

TEST_F(OpensslPeerTest, AServerWithoutTicketsWithSeveralAndWithOneLater) {
  for (const unsigned tickets : {0U, 1U, 4U}) {
    SCOPED_TRACE(tickets);
    const auto context = peer_context(true);
    SSL_CTX_set_num_tickets(context.get(), tickets);
    run(
        true, context.get(),
        [](SSL* ssl) {
          // One that a client does not wait for: after it has read data.
          return write_all(ssl, "x") && read_all(ssl, "x") && SSL_new_session_ticket(ssl) == 1 &&
                 sends_and_gets_back(SSL_KEY_UPDATE_NONE)(ssl);
        },
        [this](Stream& stream) { return echo(stream); });
  }
}

TEST_F(OpensslPeerTest, AClientThatTakesOnlyShortRecords) {
  const auto context = peer_context(false);
  SSL_CTX_set_tlsext_max_fragment_length(context.get(), TLSEXT_max_fragment_length_512);
  run(false, context.get(), sends_and_gets_back(SSL_KEY_UPDATE_NONE), [this](Stream& stream) { return echo(stream); });
}

TEST_F(OpensslPeerTest, Tls12StaysWithOpenssl) {
  for (const bool peer_is_server : {false, true}) {
    const auto context = peer_context(peer_is_server);
    SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
    run(peer_is_server, context.get(), sends_and_gets_back(SSL_KEY_UPDATE_NONE),
        [this](Stream& stream) { return echo(stream); });
  }
}

TEST_F(OpensslPeerTest, ARecordThatIsNotAuthenticEndsItAndThePeerIsTold) {
  const auto context = peer_context(false);
  run(
      false, context.get(),
      [](SSL* ssl) {
        if (!write_all(ssl, "x") || !read_all(ssl, "x")) return false;
        const std::string forged = std::string("\x17\3\3\0\x20", 5) + std::string(32, 'f');
        if (::write(SSL_get_fd(ssl), forged.data(), forged.size()) != static_cast<ssize_t>(forged.size())) return false;
        char byte = 0;
        std::size_t count = 0;
        if (SSL_read_ex(ssl, &byte, 1, &count) == 1) return false;
        return ERR_GET_REASON(ERR_peek_error()) == SSL_R_SSLV3_ALERT_BAD_RECORD_MAC;
      },
      [this](Stream& stream) -> Task<> {
        std::array<char, 100> buffer;
        const auto first = co_await stream.read(buffer, soon());
        EXPECT_EQ(first.value_or(0), 1U);
        const auto written = co_await stream.write("x", soon());
        EXPECT_TRUE(written);
        const auto forged = co_await stream.read(buffer, soon());
        EXPECT_FALSE(forged);
        if (!forged) EXPECT_EQ(forged.error().cause, Cause::protocol);
        if (!forged)
          EXPECT_NE(forged.error().message.find("not authentic"), std::string::npos) << forged.error().message;
      });
}

TEST_F(OpensslPeerTest, AnEndThatCameWithDataIsNotSleptThrough) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const bool peer_is_server : {false, true}) {
      SCOPED_TRACE(testing::Message() << version << (peer_is_server ? " server" : " client"));
      const auto context = peer_context(peer_is_server);
      SSL_CTX_set_max_proto_version(context.get(), version);
      std::atomic<bool> sent = false;
      run(
          peer_is_server, context.get(),
          [&](SSL* ssl) {
            // Without an end of the socket behind it.
            const bool right = write_all(ssl, "last words") && SSL_shutdown(ssl) == 0;
            sent = true;
            char byte = 0;
            std::size_t count = 0;
            return right && SSL_read_ex(ssl, &byte, 1, &count) != 1;
          },
          [&](Stream& stream) -> Task<> {
            while (!sent) co_await sleep(loop_, loop_.in(1ms));
            std::array<char, 100> buffer;
            const auto words = co_await stream.read(buffer, soon());
            EXPECT_EQ(words.value_or(0), 10U);
            const auto ready = co_await stream.wait_readable(loop_.in(2s));
            EXPECT_TRUE(ready) << ready.error().message;
            EXPECT_FALSE(stream.is_idle());
            const auto end = co_await stream.read(buffer, soon());
            EXPECT_EQ(end.value_or(99), 0U);
            const auto again = co_await stream.read(buffer, soon());
            EXPECT_EQ(again.value_or(99), 0U);
            const auto ended = co_await stream.shutdown_write(soon());
            EXPECT_TRUE(ended);
          });
    }
  }
}

TEST_F(OpensslPeerTest, KeysThatAreAskedForAfterOurEndOrBeforeThePeersCostNoData) {
  const auto context = peer_context(false);
  run(
      false, context.get(),
      [](SSL* ssl) {
        char byte = 0;
        std::size_t count = 0;
        if (SSL_read_ex(ssl, &byte, 1, &count) == 1) return false;
        return SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1 && write_all(ssl, "answer") && SSL_shutdown(ssl) >= 0;
      },
      [this](Stream& stream) -> Task<> {
        const auto ended = co_await stream.shutdown_write(soon());
        EXPECT_TRUE(ended);
        std::array<char, 100> buffer;
        const auto answer = co_await stream.read(buffer, soon());
        EXPECT_EQ(answer.value_or(0), 6U);
        const auto end = co_await stream.read(buffer, soon());  // the peer could not send it to nobody
        EXPECT_EQ(end.value_or(1), 0U);
      });
  std::atomic<bool> gone = false;
  run(
      false, context.get(),
      [&](SSL* ssl) {
        const bool right = write_all(ssl, "x") && SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1 &&
                           write_all(ssl, "answer") && SSL_shutdown(ssl) >= 0 &&
                           ::shutdown(SSL_get_fd(ssl), SHUT_RDWR) == 0;
        gone = true;
        return right;
      },
      [&](Stream& stream) -> Task<> {
        while (!gone) co_await sleep(loop_, loop_.in(1ms));
        std::string got;
        std::array<char, 100> buffer;
        while (true) {
          const auto count = co_await stream.read(buffer, soon());
          EXPECT_TRUE(count) << count.error().message;
          if (!count || *count == 0) break;
          got.append(buffer.data(), *count);
        }
        EXPECT_EQ(got, "xanswer");
      });
}

TEST_F(OpensslPeerTest, AfterAForgedRecordNothingIsReadOrSent) {
  const auto context = peer_context(false);
  std::atomic<bool> sent = false;
  run(
      false, context.get(),
      [&](SSL* ssl) {
        const std::string forged = std::string("\x17\3\3\0\x20", 5) + std::string(32, 'f');
        const auto size = static_cast<ssize_t>(forged.size());
        const bool wrote = ::write(SSL_get_fd(ssl), forged.data(), forged.size()) == size && write_all(ssl, "real");
        sent = true;
        if (!wrote) return false;
        char byte = 0;
        std::size_t count = 0;
        const int read = SSL_read_ex(ssl, &byte, 1, &count);
        char rest = 0;
        // Nothing behind the alert: the end, or a reset where ours closed with "real" still unread.
        return read != 1 && ::read(SSL_get_fd(ssl), &rest, 1) <= 0;
      },
      [&](Stream& stream) -> Task<> {
        while (!sent) co_await sleep(loop_, loop_.in(1ms));
        std::array<char, 100> buffer;
        for (int attempt = 0; attempt < 3; ++attempt) {
          const auto read = co_await stream.read(buffer, soon());
          EXPECT_FALSE(read);
        }
        const auto written = co_await stream.write("after it", soon());
        EXPECT_FALSE(written);
        const auto ended = co_await stream.shutdown_write(soon());
        EXPECT_TRUE(ended);
      });
}

TEST_F(OpensslPeerTest, AServerThatWantsAnotherGroupFirst) {
  for (const bool peer_is_server : {false, true}) {
    const auto context = peer_context(peer_is_server);
    SSL_CTX_set1_groups_list(context.get(), peer_is_server ? "P-384" : "X448:P-384");
    run(peer_is_server, context.get(), sends_and_gets_back(SSL_KEY_UPDATE_REQUESTED),
        [this](Stream& stream) { return echo(stream); });
  }
}

TEST_F(OpensslPeerTest, APeerThatOnlyAsksForKeysMakesNothingGrow) {
  const auto context = peer_context(false);
  run(
      false, context.get(),
      [](SSL* ssl) {
        std::size_t asked = 0;
        for (; asked < 1000; ++asked) {
          if (SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) != 1 || SSL_do_handshake(ssl) != 1) break;
        }
        return asked > 30;
      },
      [this](Stream& stream) -> Task<> {
        std::array<char, 100> buffer;
        const auto read = co_await stream.read(buffer, soon());
        EXPECT_FALSE(read);
        if (!read) EXPECT_NE(read.error().message.find("32 records"), std::string::npos) << read.error().message;
      });
}

}  // namespace
}  // namespace bulkhead::net
