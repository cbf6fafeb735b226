#include <gtest/gtest.h>

#include "proxy/mesh_harness.hpp"

namespace bulkhead::proxy::testing {
namespace {

using nlohmann::json;

constexpr std::string_view kHost = "api.mail.example";

class EgressTest : public MeshFixture {
 protected:
  // Every name leads to this machine, but for "nowhere".
  OutsideOptions outside(std::string anchors = {}) {
    OutsideOptions options;
    options.lookup = [](const std::string& host) -> Result<std::vector<net::Address>> {
      if (host.starts_with("nowhere")) return fail(Cause::not_found, "{}: no such name", host);
      return std::vector{net::Address::loopback(0)};
    };
    options.trust_anchors_pem = std::move(anchors);
    return options;
  }

  FakeService& outside_service(Handler handler, std::shared_ptr<net::TlsContext> tls = {}) {
    services_.push_back(std::make_unique<FakeService>(loop_, std::move(handler), std::move(tls)));
    return *services_.back();
  }

  Snapshot declare(Node& from, Scheme scheme, std::string host, std::uint16_t port, Handling handling) {
    Egress egress;
    egress.name = "mail";
    egress.scheme = scheme;
    egress.host = host;
    egress.port = port;
    egress.allow_private = true;
    egress.edge = call("checkout", "mail", port, scheme == Scheme::tcp ? Protocol::tcp : Protocol::http);
    egress.edge.kind = policy::Edge::Kind::egress;
    egress.edge.outside = policy::Outside{scheme, host, false};
    Snapshot snapshot = from.snapshot();
    snapshot.egress = {egress};
    snapshot.doors = {{"127.0.0.1", from.door().port(), DoorKind::egress, 0, handling}};
    return snapshot;
  }

  net::Task<> start(Node& node, Snapshot snapshot) {
    controller_->set_snapshot(std::move(snapshot));
    node.start();
    co_await controller_->until_applied(node.instance());
    co_await controller_->until([&] { return node.said("ready"); });
  }

  static std::shared_ptr<net::TlsContext> server_tls(const NamedCertificate& certificate) {
    net::TlsConfig config;
    config.peer = net::PeerCheck::none;
    config.credentials = {{certificate.pem, certificate.key}};
    config.alpn = {"http/1.1"};
    config.allow_tls12 = true;
    auto made = net::TlsContext::make(std::move(config));
    EXPECT_TRUE(made.has_value());
    return *made;
  }
};

net::Task<> say_host(ServerExchange& exchange) {
  const std::string host = exchange.request().authority;
  co_await reply_text(exchange, 200, host);
}

TEST_F(EgressTest, ADeclaredHostIsReachedUnderItsOwnName) {
  Node& checkout = node("checkout", "checkout-1", outside());
  FakeService& mail = outside_service(say_host);
  loop_.run([&]() -> net::Task<> {
    const std::uint16_t port = mail.address().port();
    co_await start(checkout, declare(checkout, Scheme::http, std::string(kHost), port, Handling::http));
    Client client(loop_, checkout.door());
    const auto reply = co_await client.get("/send");
    EXPECT_TRUE(reply.has_value());
    if (reply) EXPECT_EQ(reply->body, fmt::format("{}:{}", kHost, port));
  }());
}

TEST_F(EgressTest, ANameThatLeadsInsideIsRefusedUnlessDeclared) {
  Node& checkout = node("checkout", "checkout-1", outside());
  FakeService& mail = outside_service(say_host);
  loop_.run([&]() -> net::Task<> {
    Snapshot snapshot = declare(checkout, Scheme::http, std::string(kHost), mail.address().port(), Handling::http);
    snapshot.egress[0].allow_private = false;
    co_await start(checkout, snapshot);
    Client client(loop_, checkout.door());
    const auto reply = co_await client.get("/");
    EXPECT_TRUE(reply.has_value());
    if (!reply) co_return;
    EXPECT_EQ(reply->status, 403);
    EXPECT_EQ(json::parse(reply->body)["error"], "prohibited_address");
  }());
  EXPECT_EQ(mail.connections(), 0U);
}

TEST_F(EgressTest, ANameThatDoesNotResolveIsSaidToBeOne) {
  Node& checkout = node("checkout", "checkout-1", outside());
  loop_.run([&]() -> net::Task<> {
    co_await start(checkout, declare(checkout, Scheme::http, "nowhere.example", 80, Handling::http));
    Client client(loop_, checkout.door());
    const auto reply = co_await client.get("/");
    EXPECT_TRUE(reply && reply->status == 502);
    if (reply) EXPECT_EQ(json::parse(reply->body)["error"], "name_not_resolved");
  }());
}

TEST_F(EgressTest, TheSidecarSpeaksTlsAndVerifiesTheName) {
  const NamedCertificate right = certificate_for(std::string(kHost));
  Node& checkout = node("checkout", "checkout-1", outside(right.pem));
  FakeService& mail = outside_service(say_host, server_tls(right));
  loop_.run([&]() -> net::Task<> {
    const std::uint16_t port = mail.address().port();
    co_await start(checkout, declare(checkout, Scheme::https, std::string(kHost), port, Handling::http));
    Client client(loop_, checkout.door());
    const auto reply = co_await client.get("/");
    EXPECT_TRUE(reply && reply->status == 200) << (reply ? reply->body : reply.error().message);
  }());
}

TEST_F(EgressTest, APeerOfAnotherNameIsNotBelieved) {
  const NamedCertificate wrong = certificate_for("evil.example");
  Node& checkout = node("checkout", "checkout-1", outside(wrong.pem));
  FakeService& mail = outside_service(say_host, server_tls(wrong));
  loop_.run([&]() -> net::Task<> {
    const std::uint16_t port = mail.address().port();
    co_await start(checkout, declare(checkout, Scheme::https, std::string(kHost), port, Handling::http));
    Client client(loop_, checkout.door());
    const auto reply = co_await client.get("/");
    EXPECT_TRUE(reply && reply->status == 502);
    if (reply) EXPECT_EQ(json::parse(reply->body)["error"], "outside_tls");
  }());
}

TEST_F(EgressTest, TheProgramsOwnTlsPassesOnlyForTheDeclaredName) {
  const NamedCertificate right = certificate_for(std::string(kHost));
  Node& checkout = node("checkout", "checkout-1", outside());
  FakeService& mail = outside_service(say_host, server_tls(right));
  loop_.run([&]() -> net::Task<> {
    const std::uint16_t port = mail.address().port();
    co_await start(checkout, declare(checkout, Scheme::https, std::string(kHost), port, Handling::tls_through));
    Client client(loop_, checkout.door(), UpstreamProtocol::http1, ClientTls{right.pem, std::string(kHost)});
    const auto reply = co_await client.get("/");
    EXPECT_TRUE(reply && reply->status == 200) << (reply ? reply->body : reply.error().message);
    Client other(loop_, checkout.door(), UpstreamProtocol::http1, ClientTls{right.pem, "evil.example"});
    const auto refused = co_await other.get("/");
    EXPECT_FALSE(refused.has_value());
    Client plain(loop_, checkout.door());
    const auto not_tls = co_await plain.get("/");
    EXPECT_FALSE(not_tls.has_value());
  }());
  EXPECT_EQ(mail.connections(), 1U);
}

}  // namespace
}  // namespace bulkhead::proxy::testing
