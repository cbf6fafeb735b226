#include "net/tls.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "net/gate.hpp"
#include "net/stream.hpp"
#include "net/tls_fixture.hpp"

namespace bulkhead::net {
namespace {

using namespace std::chrono_literals;

struct Outcome {
  Result<> client;
  Result<> server;
};

class TlsTest : public testing::Test {
 protected:
  TlsConfig mesh(TlsRole role, const Issued& own) const {
    TlsConfig config{.role = role, .credentials = {own.credential()}, .trust_anchors_pem = root_.pem(), .alpn = {"h2"}};
    config.accept_peer = [](X509& leaf) -> Result<std::string> {
      const std::string uri = uri_of(leaf);
      if (uri == "spiffe://test/forbidden") return fail(Cause::denied, "nobody may be {}", uri);
      return uri;
    };
    return config;
  }
  static std::shared_ptr<TlsContext> context(TlsConfig config) {
    auto made = TlsContext::make(std::move(config));
    EXPECT_TRUE(made) << made.error().message;
    return made ? *made : nullptr;
  }
  Deadline soon() const { return loop_.in(20s); }

  void connect_streams() {
    int fds[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    client_ = std::move(*Stream::adopt(loop_, Fd(fds[0])));
    server_ = std::move(*Stream::adopt(loop_, Fd(fds[1])));
  }

  // Both ends shake hands; with TLS 1.3 a client learns that it was refused when it reads.
  Outcome shake(std::shared_ptr<TlsContext> client, std::shared_ptr<TlsContext> server, HandshakeOptions options = {}) {
    connect_streams();
    Outcome outcome;
    const auto serve = [&]() -> Task<> {
      outcome.server = co_await server_.handshake(server, {}, soon());
      if (!outcome.server) co_return server_.close();
      const auto written = co_await server_.write("!", soon());
      EXPECT_TRUE(written);
    };
    const auto test = [&]() -> Task<> {
      Gate gate(loop_);
      gate.spawn(serve());
      outcome.client = co_await client_.handshake(client, std::move(options), soon());
      if (outcome.client) {
        std::array<char, 1> byte;
        const auto count = co_await client_.read(byte, soon());
        if (!count) outcome.client = fail(count.error());
      } else {
        client_.close();
      }
      co_await gate.close();
    };
    loop_.run(test());
    return outcome;
  }

  Loop loop_;
  Issued root_ = issue("", nullptr);
  Issued alice_ = issue("URI:spiffe://test/alice", &root_);
  Issued bob_ = issue("URI:spiffe://test/bob", &root_);
  Stream client_;
  Stream server_;
};

TEST_F(TlsTest, MeshPeersKnowEachOther) {
  const auto [client, server] = shake(context(mesh(TlsRole::client, alice_)), context(mesh(TlsRole::server, bob_)));
  ASSERT_TRUE(client) << client.error().message;
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_EQ(client_.peer(), "spiffe://test/bob");
  EXPECT_EQ(server_.peer(), "spiffe://test/alice");
  EXPECT_EQ(client_.alpn(), "h2");
  EXPECT_EQ(server_.alpn(), "h2");
  EXPECT_EQ(client_.tls_version(), "TLSv1.3");
  EXPECT_FALSE(client_.tls_resumed());
}

TEST_F(TlsTest, AStreamOfTls13LetsGoOfOpensslAndItsContext) {
  const auto client_context = context(mesh(TlsRole::client, alice_));
  const auto server_context = context(mesh(TlsRole::server, bob_));
  ASSERT_TRUE(shake(client_context, server_context, {.session = std::make_shared<TlsSession>()}).client);
  EXPECT_EQ(server_context.use_count(), 1);
  EXPECT_EQ(client_context.use_count(), 1);
  EXPECT_EQ(server_.peer(), "spiffe://test/alice");
  EXPECT_EQ(server_.alpn(), "h2");
}

TEST_F(TlsTest, AnUnexpectedServerIsRefusedNamingBoth) {
  HandshakeOptions options;
  options.expect = [](const std::string& peer) -> Result<> {
    const std::string& found = peer;
    if (found == "spiffe://test/carol") return {};
    return fail(Cause::denied, "expected spiffe://test/carol, found {}", found);
  };
  const auto [client, server] =
      shake(context(mesh(TlsRole::client, alice_)), context(mesh(TlsRole::server, bob_)), options);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().cause, Cause::denied);
  EXPECT_NE(client.error().message.find("expected spiffe://test/carol, found spiffe://test/bob"), std::string::npos)
      << client.error().message;
  EXPECT_FALSE(server);
}

TEST_F(TlsTest, WhomTheCallbackRefusesIsRefusedOnBothSides) {
  const Issued forbidden = issue("URI:spiffe://test/forbidden", &root_);
  const auto as_client = shake(context(mesh(TlsRole::client, forbidden)), context(mesh(TlsRole::server, bob_)));
  ASSERT_FALSE(as_client.server);
  EXPECT_EQ(as_client.server.error().cause, Cause::denied);
  EXPECT_NE(as_client.server.error().message.find("nobody may be"), std::string::npos);
  ASSERT_FALSE(as_client.client);
  const auto as_server = shake(context(mesh(TlsRole::client, alice_)), context(mesh(TlsRole::server, forbidden)));
  EXPECT_FALSE(as_server.client);
}

TEST_F(TlsTest, AnExpiredCertificateIsRefused) {
  const Issued expired = issue("URI:spiffe://test/alice", &root_, -7200, -3600);
  const auto [client, server] = shake(context(mesh(TlsRole::client, expired)), context(mesh(TlsRole::server, bob_)));
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().cause, Cause::denied);
  EXPECT_NE(server.error().message.find("expired"), std::string::npos) << server.error().message;
  EXPECT_NE(server.error().message.find("spiffe://test/alice"), std::string::npos) << server.error().message;
}

TEST_F(TlsTest, ACertificateOfAnotherAuthorityIsRefused) {
  const Issued other_root = issue("", nullptr);
  const Issued stranger = issue("URI:spiffe://test/alice", &other_root);
  const auto [client, server] = shake(context(mesh(TlsRole::client, stranger)), context(mesh(TlsRole::server, bob_)));
  EXPECT_FALSE(server);
  EXPECT_FALSE(client);
  const auto other = shake(context(mesh(TlsRole::client, alice_)), context(mesh(TlsRole::server, stranger)));
  EXPECT_FALSE(other.client);
}

TEST_F(TlsTest, AClientWithoutACertificateIsRefused) {
  TlsConfig config{.role = TlsRole::client, .trust_anchors_pem = root_.pem(), .alpn = {"h2"}};
  config.peer = PeerCheck::none;
  const auto [client, server] = shake(context(config), context(mesh(TlsRole::server, bob_)));
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().cause, Cause::denied) << server.error().message;
  EXPECT_FALSE(client);
}

TEST_F(TlsTest, AClientThatOffersOnlyOtherProtocolsIsRefused) {
  TlsConfig config = mesh(TlsRole::client, alice_);
  config.alpn = {"http/1.1"};
  const auto [client, server] = shake(context(config), context(mesh(TlsRole::server, bob_)));
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().cause, Cause::protocol);
  EXPECT_FALSE(client);
}

TEST_F(TlsTest, TheMeshSpeaksNothingBelowTls13) {
  TlsConfig old = mesh(TlsRole::client, alice_);
  old.allow_tls12 = true;
  const auto old_client = context(old);
  SSL_CTX_set_max_proto_version(old_client->get(), TLS1_2_VERSION);
  const auto [client, server] = shake(old_client, context(mesh(TlsRole::server, bob_)));
  EXPECT_FALSE(server);
  EXPECT_FALSE(client);
  TlsConfig gateway = mesh(TlsRole::server, bob_);
  gateway.allow_tls12 = true;
  const auto allowed = shake(old_client, context(gateway));
  EXPECT_TRUE(allowed.client) << allowed.client.error().message;
  EXPECT_EQ(client_.tls_version(), "TLSv1.2");
}

TEST_F(TlsTest, ASessionIsResumedAndItsPeerJudgedAgain) {
  bool allow = true;
  TlsConfig config = mesh(TlsRole::server, bob_);
  config.accept_peer = [&allow](X509& leaf) -> Result<std::string> {
    if (!allow) return fail(Cause::denied, "the rules changed");
    return uri_of(leaf);
  };
  const auto server_context = context(config);
  const auto client_context = context(mesh(TlsRole::client, alice_));
  const auto session = std::make_shared<TlsSession>();
  for (int round = 0; round < 4; ++round) {
    const auto [client, server] = shake(client_context, server_context, {.session = session});
    ASSERT_TRUE(client && server) << round;
    EXPECT_EQ(client_.tls_resumed(), round > 0);
    EXPECT_EQ(server_.peer(), "spiffe://test/alice");
    EXPECT_EQ(client_.peer(), "spiffe://test/bob");
    client_.close();
    server_.close();
  }
  allow = false;
  const auto refused = shake(client_context, server_context, {.session = session});
  ASSERT_FALSE(refused.server);
  EXPECT_NE(refused.server.error().message.find("the rules changed"), std::string::npos);
  allow = true;
  const auto other_client = context(mesh(TlsRole::client, alice_));
  const auto fresh = shake(other_client, server_context, {.session = session});
  ASSERT_TRUE(fresh.client && fresh.server);
  EXPECT_FALSE(client_.tls_resumed()) << "a session belongs to its context";
}

TEST_F(TlsTest, AServerThatAsksTakesAnyCertificateOrNoneAndKnowsItAgain) {
  const Issued elsewhere = issue("", nullptr);
  const Issued alice = issue("URI:spiffe://test/alice", &elsewhere, -7200, -3600);
  TlsConfig asks{.role = TlsRole::server, .credentials = {bob_.credential()}, .trust_anchors_pem = root_.pem()};
  asks.allow_tls12 = true;
  asks.peer = PeerCheck::asked;
  TlsConfig nobody{.role = TlsRole::client, .allow_tls12 = true, .peer = PeerCheck::none};
  TlsConfig somebody = nobody;
  somebody.credentials = {{alice.pem() + elsewhere.pem(), alice.key}};
  const auto server_context = context(asks);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto client_context = context(somebody);
    SSL_CTX_set_max_proto_version(client_context->get(), version);
    const auto session = std::make_shared<TlsSession>();
    for (int round = 0; round < 3; ++round) {
      const auto [client, server] = shake(client_context, server_context, {.session = session});
      ASSERT_TRUE(client && server) << client.error().message;
      EXPECT_EQ(client_.tls_resumed(), round > 0);
      const PeerCertificates found = server_.peer_certificates();
      ASSERT_TRUE(found.leaf) << "who it is, is another's question";
      EXPECT_EQ(X509_cmp(found.leaf.get(), alice.certificate.get()), 0);
      ASSERT_EQ(found.behind.size(), 1U);
      EXPECT_EQ(X509_cmp(found.behind[0].get(), elsewhere.certificate.get()), 0);
      client_.close();
      server_.close();
    }
    const auto other = context(nobody);
    SSL_CTX_set_max_proto_version(other->get(), version);
    const auto alone = shake(other, server_context, {.session = session});
    ASSERT_TRUE(alone.client && alone.server);
    EXPECT_FALSE(server_.peer_certificates().leaf);
  }
}

TEST_F(TlsTest, ASessionWithoutACertificateGainsNoneAndEndsWithTheContext) {
  TlsConfig asks{.role = TlsRole::server, .credentials = {bob_.credential()}, .trust_anchors_pem = root_.pem()};
  asks.peer = PeerCheck::asked;
  const auto server_context = context(asks);
  const auto nobody = context({.role = TlsRole::client, .peer = PeerCheck::none});
  const auto session = std::make_shared<TlsSession>();
  for (const bool resumed : {false, true}) {
    const auto [client, server] = shake(nobody, server_context, {.session = session});
    ASSERT_TRUE(client && server);
    EXPECT_EQ(server_.tls_resumed(), resumed);
    EXPECT_FALSE(server_.peer_certificates().leaf);
    client_.close();
    server_.close();
  }
  const auto changed = shake(nobody, context(asks), {.session = session});
  ASSERT_TRUE(changed.client && changed.server);
  EXPECT_FALSE(server_.tls_resumed());
}

TEST_F(TlsTest, AServerWithoutACacheResumesNothing) {
  TlsConfig config = mesh(TlsRole::server, bob_);
  config.session_cache = 0;
  const auto server_context = context(config);
  const auto client_context = context(mesh(TlsRole::client, alice_));
  const auto session = std::make_shared<TlsSession>();
  for (int round = 0; round < 2; ++round) {
    const auto [client, server] = shake(client_context, server_context, {.session = session});
    ASSERT_TRUE(client && server);
    EXPECT_FALSE(client_.tls_resumed());
  }
}

TEST_F(TlsTest, ThirtyTwoMebibytesPassWholeInSmallAndLargePieces) {
  ASSERT_TRUE(shake(context(mesh(TlsRole::client, alice_)), context(mesh(TlsRole::server, bob_))).client);
  std::string sent(32U << 20U, '\0');
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 2654435761U >> 13U);
  std::vector<iovec> pieces;
  for (std::size_t at = 0, size = 1; at < sent.size(); size = size * 3 % 40'009) {
    const std::size_t take = std::min(size, sent.size() - at);
    pieces.push_back({sent.data() + at, take});
    at += take;
  }
  const auto write = [&]() -> Task<> {
    const auto written = co_await client_.write(pieces, soon());
    EXPECT_TRUE(written);
    const auto ended = co_await client_.shutdown_write(soon());
    EXPECT_TRUE(ended);
  };
  const auto test = [&]() -> Task<> {
    Gate gate(loop_);
    gate.spawn(write());
    std::string received;
    std::vector<char> buffer(70'000);
    while (true) {
      const auto count = co_await server_.read(buffer, soon());
      EXPECT_TRUE(count) << count.error().message;
      if (!count || *count == 0) break;
      received.append(buffer.data(), *count);
    }
    EXPECT_TRUE(received == sent);
    // Half-closed inside TLS too.
    const auto back = co_await server_.write("back", soon());
    EXPECT_TRUE(back);
    const auto count = co_await client_.read(buffer, soon());
    EXPECT_EQ(std::string_view(buffer.data(), count.value_or(0)), "back");
    co_await gate.close();
  };
  loop_.run(test());
}

TEST_F(TlsTest, AnEndWithoutCloseNotifyIsATruncationAndNoEnd) {
  ASSERT_TRUE(shake(context(mesh(TlsRole::client, alice_)), context(mesh(TlsRole::server, bob_))).client);
  const auto test = [&]() -> Task<> {
    client_.close();
    std::array<char, 16> buffer;
    const auto count = co_await server_.read(buffer, soon());
    EXPECT_FALSE(count);
    if (!count) EXPECT_EQ(count.error().cause, Cause::closed);
  };
  loop_.run(test());
}

TEST_F(TlsTest, TicketsDoNotMakeAPooledConnectionLookBusyButBytesDo) {
  ASSERT_TRUE(shake(context(mesh(TlsRole::client, alice_)), context(mesh(TlsRole::server, bob_))).client);
  EXPECT_TRUE(client_.is_idle());
  const auto test = [&]() -> Task<> {
    const auto written = co_await server_.write("unexpected", soon());
    EXPECT_TRUE(written);
    const auto readable = co_await client_.wait_readable(soon());
    EXPECT_TRUE(readable);
    EXPECT_FALSE(client_.is_idle());
    std::array<char, 4> buffer;
    const auto count = co_await client_.read(buffer, soon());
    EXPECT_EQ(count.value_or(0), 4U);
    const auto more = co_await client_.wait_readable(soon());
    EXPECT_TRUE(more) << "what OpenSSL holds already counts";
    EXPECT_FALSE(client_.is_idle());
  };
  loop_.run(test());
}

TEST_F(TlsTest, AHandshakeEndsAtItsDeadlineAndWhenThePeerSpeaksSomethingElse) {
  const auto server_context = context(mesh(TlsRole::server, bob_));
  const auto test = [&]() -> Task<> {
    connect_streams();
    const auto late = co_await server_.handshake(server_context, {}, loop_.in(1ms));
    EXPECT_FALSE(late);
    if (!late) EXPECT_EQ(late.error().cause, Cause::timeout);
    connect_streams();
    const auto written = co_await client_.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n", soon());
    EXPECT_TRUE(written);
    const auto plain = co_await server_.handshake(server_context, {}, soon());
    EXPECT_FALSE(plain);
    if (!plain) EXPECT_EQ(plain.error().cause, Cause::protocol) << plain.error().message;
    connect_streams();
    client_.close();
    const auto gone = co_await server_.handshake(server_context, {}, soon());
    EXPECT_FALSE(gone);
    if (!gone) EXPECT_EQ(gone.error().cause, Cause::closed) << gone.error().message;
  };
  loop_.run(test());
}

class PublicTlsTest : public TlsTest {
 protected:
  TlsConfig server(std::vector<TlsCredential> credentials) const {
    TlsConfig config{.role = TlsRole::server, .credentials = std::move(credentials), .alpn = {"h2", "http/1.1"}};
    config.allow_tls12 = true;
    config.peer = PeerCheck::none;
    return config;
  }
  TlsConfig client() const {
    TlsConfig config{.role = TlsRole::client, .trust_anchors_pem = root_.pem(), .alpn = {"http/1.1"}};
    config.allow_tls12 = true;
    config.peer = PeerCheck::server_name;
    return config;
  }
  Issued first_ = issue("DNS:first.example", &root_);
  Issued second_ = issue("DNS:second.example,DNS:*.wild.example", &root_);
};

TEST_F(PublicTlsTest, TheNewestSessionsOfClientsWithoutCertificatesAreResumed) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsConfig config = server({first_.credential()});
    config.session_cache = 3;
    const auto server_context = context(config);
    const auto client_context = context(client());
    SSL_CTX_set_max_proto_version(client_context->get(), version);
    std::vector<std::shared_ptr<TlsSession>> sessions;
    const auto meet = [&](std::size_t who) {
      if (who == sessions.size()) sessions.push_back(std::make_shared<TlsSession>());
      const auto [c, s] =
          shake(client_context, server_context, {.server_name = "first.example", .session = sessions[who]});
      EXPECT_TRUE(c && s) << c.error().message;
      const bool resumed = client_.tls_resumed();
      EXPECT_EQ(server_.tls_resumed(), resumed);
      client_.close();
      server_.close();
      return resumed;
    };
    for (std::size_t who = 0; who < 4; ++who) EXPECT_FALSE(meet(who)) << "the first time";
    EXPECT_FALSE(meet(0)) << "three are remembered, and three came since";
    EXPECT_TRUE(meet(0));
    EXPECT_TRUE(meet(3));
    for (int round = 0; round < 20; ++round) EXPECT_TRUE(meet(3)) << round;
    EXPECT_FALSE(meet(1)) << "each of those was a session, or as old as before";
  }
}

TEST_F(PublicTlsTest, TheServerChoosesItsCertificateByName) {
  const auto server_context = context(server({first_.credential(), second_.credential()}));
  const auto client_context = context(client());
  for (const auto* name : {"first.example", "second.example", "a.wild.example"}) {
    const auto [client, server] = shake(client_context, server_context, {.server_name = name});
    EXPECT_TRUE(client) << name << ": " << client.error().message;
    EXPECT_EQ(server_.alpn(), "http/1.1");
  }
}

TEST_F(PublicTlsTest, AServerOfAnotherNameIsRefused) {
  const auto server_context = context(server({first_.credential(), second_.credential()}));
  const auto client_context = context(client());
  for (const auto* name : {"third.example", "wild.example", "a.b.wild.example", "127.0.0.1"}) {
    const auto [client, server] = shake(client_context, server_context, {.server_name = name});
    ASSERT_FALSE(client) << name;
    EXPECT_EQ(client.error().cause, Cause::denied);
    EXPECT_NE(client.error().message.find(name), std::string::npos) << client.error().message;
  }
}

TEST_F(PublicTlsTest, AClientThatVerifiesNamesNeedsOne) {
  const auto [client_outcome, server_outcome] = shake(context(client()), context(server({first_.credential()})));
  EXPECT_FALSE(client_outcome);
}

TEST_F(TlsTest, ConfigurationMistakesAreFaultsThatSayWhat) {
  TlsConfig config = mesh(TlsRole::server, alice_);
  config.credentials = {{alice_.pem(), bob_.key}};
  EXPECT_FALSE(TlsContext::make(config));
  config.credentials = {};
  EXPECT_FALSE(TlsContext::make(config));
  config.credentials = {{"no PEM", alice_.key}};
  EXPECT_FALSE(TlsContext::make(config));
  config.credentials = {{alice_.pem(), nullptr}};
  EXPECT_FALSE(TlsContext::make(config));
  config = mesh(TlsRole::server, alice_);
  config.trust_anchors_pem = "";
  EXPECT_FALSE(TlsContext::make(config));
  config.trust_anchors_pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  EXPECT_FALSE(TlsContext::make(config));
  EXPECT_FALSE(private_key_from_pem("nothing"));
}

}  // namespace
}  // namespace bulkhead::net
