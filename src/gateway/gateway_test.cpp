#include "gateway/gateway.hpp"

#include <gtest/gtest.h>

#include "gateway/gateway_harness.hpp"
#include "identity/fixture.hpp"
#include "jose/base64url.hpp"

namespace bulkhead::gateway {
namespace {

using namespace proxy;             // NOLINT(google-build-using-namespace)
using namespace proxy::testing;    // NOLINT(google-build-using-namespace)
using namespace gateway::testing;  // NOLINT(google-build-using-namespace)
using nlohmann::json;

class GatewayTest : public GatewayFixture {
 protected:
  ClientTls tls(std::string alpn = "http/1.1", const identity::test::Issued* own = nullptr) const {
    ClientTls made{certificate_.pem, std::string(kHost), std::move(alpn), {}};
    if (own != nullptr) made.credential = {own->pem(), own->key};
    return made;
  }
  static Provider devices(const std::string& anchors) {
    Provider made{.name = "devices"};
    made.client_anchors_pem = anchors;
    return made;
  }

  http::Request ask(std::string method, std::string target) {
    http::Request request = request_of(std::move(method), std::move(target));
    request.authority = kHost;
    return request;
  }

  net::Task<> expect_status(Client& client, std::string target, int status, std::string body) {
    http::Request request = ask("GET", target);
    request.scheme = "https";
    const auto reply = co_await client.send(std::move(request));
    EXPECT_TRUE(reply.has_value()) << target << ": " << reply.error().message;
    if (!reply) co_return;
    EXPECT_EQ(reply->status, status) << target;
    EXPECT_EQ(reply->body, body) << target;
    EXPECT_FALSE(reply->fields.has("www-authenticate"));
  }
};

// Nothing of the inside may stand in an answer to a stranger. (Ids are drawn at random: some have the port's digits in
// them.)
void expect_silent(const Reply& reply) {
  std::string all = reply.body;
  for (const http::Fields& fields : {reply.fields, reply.trailers}) {
    for (const http::Field& field : fields) {
      all.append(field.name).append(": ").append(field.name == "x-request-id" ? "" : field.value).append("\n");
    }
  }
  for (const char* secret : {"payments", "_gateway", "checkout", "bulkhead", "unix:", "8080", "spiffe"}) {
    EXPECT_EQ(all.find(secret), std::string::npos) << all;
  }
}

TEST_F(GatewayTest, ARouteLeadsToItsServiceInBothVersionsOfHttp) {
  Node& payments = node("payments", "payments-1");
  http::Request seen;
  service(payments, 8080, [&](ServerExchange& exchange) -> net::Task<> {
    seen = exchange.request();
    co_await reply_text(exchange, 200, "paid");
  });
  loop_.run([&]() -> net::Task<> {
    co_await start(payments, snapshot(payments), callee(payments));
    for (const auto protocol : {UpstreamProtocol::http1, UpstreamProtocol::http2}) {
      const std::string alpn = protocol == UpstreamProtocol::http1 ? "http/1.1" : "h2";
      Client client(loop_, addresses_[0], protocol, tls(alpn));
      http::Request request = ask("POST", "/api/pay/charges?x=1");
      request.scheme = "https";
      request.fields.add("x-forwarded-for", "6.6.6.6");
      request.fields.add("x-bulkhead-port", "1");
      const auto reply = co_await client.send(request, "money");
      EXPECT_TRUE(reply.has_value()) << reply.error().message;
      if (!reply) co_return;
      EXPECT_EQ(reply->status, 200);
      EXPECT_EQ(reply->body, "paid");
      EXPECT_TRUE(reply->fields.has("x-request-id"));
      expect_silent(*reply);
      EXPECT_EQ(seen.target, "/charges?x=1");
      EXPECT_EQ(seen.fields.find("x-forwarded-for"), "127.0.0.1");
      EXPECT_EQ(seen.fields.find("x-forwarded-proto"), "https");
      EXPECT_EQ(seen.authority, kHost);
    }
  }());
}

TEST_F(GatewayTest, WithoutARouteNothingIsThere) {
  Node& payments = node("payments", "payments-1");
  loop_.run([&]() -> net::Task<> {
    co_await start(payments, snapshot(payments), callee(payments));
    Client client(loop_, addresses_[1]);
    for (const char* target : {"/", "/api/pay", "/metrics", "/api"}) {
      const auto reply = co_await client.send(ask("GET", target));
      EXPECT_TRUE(reply && reply->status == 404) << target;
      if (reply) expect_silent(*reply);
      if (reply) EXPECT_EQ(reply->body, "Not Found\n");
    }
    const auto wrong_method = co_await client.send(ask("DELETE", "/api/pay/x"));
    EXPECT_TRUE(wrong_method && wrong_method->status == 404);
    for (const char* target : {"/api/pay/../x", "/api/pay/%2e%2e/x", "/api//pay/x", "/api/pay/a%2fb", "/api/pay/;x"}) {
      const auto reply = co_await client.send(ask("GET", target));
      EXPECT_TRUE(reply && reply->status == 400) << target;
      if (reply) expect_silent(*reply);
    }
  }());
}

TEST_F(GatewayTest, ARefusalBehindTellsAStrangerNothing) {
  Node& payments = node("payments", "payments-1");
  loop_.run([&]() -> net::Task<> {
    Snapshot deaf = callee(payments);
    deaf.inbound.edges.clear();
    co_await start(payments, snapshot(payments), deaf);
    Client client(loop_, addresses_[1]);
    const auto denied = co_await client.send(ask("GET", "/api/pay/x"));
    EXPECT_TRUE(denied && denied->status == 403);
    if (denied) expect_silent(*denied);
    Snapshot alone = snapshot(payments);
    alone.upstreams[0].endpoints.clear();
    controller_->set_snapshot(alone);
    co_await controller_->until_applied("_gateway-1");
    const auto unavailable = co_await client.send(ask("GET", "/api/pay/x"));
    EXPECT_TRUE(unavailable && unavailable->status == 503);
    if (unavailable) expect_silent(*unavailable);
    if (unavailable) EXPECT_TRUE(unavailable->fields.has("x-request-id"));
  }());
}

TEST_F(GatewayTest, TrailersTellAStrangerNothingEither) {
  Node& payments = node("payments", "payments-1");
  service(payments, 8080, [&](ServerExchange& exchange) -> net::Task<> {
    const bool whole = exchange.request().target.ends_with("whole");
    http::Response head;
    head.body = true;
    head.fields.add("content-type", "application/grpc");
    static_cast<void>(co_await exchange.send_head(std::move(head), false));
    static_cast<void>(co_await exchange.send_body("part", false, net::Deadline::never()));
    http::Fields trailers{{"grpc-status", "5"}, {"grpc-message", "lost"}, {"x-bulkhead-refusal", "denied"}};
    if (whole) co_return static_cast<void>(co_await exchange.send_trailers(std::move(trailers)));
    exchange.reset(ResetReason::internal);
  });
  loop_.run([&]() -> net::Task<> {
    co_await start(payments, snapshot(payments), callee(payments));
    Client client(loop_, addresses_[0], UpstreamProtocol::http2, tls("h2"));
    http::Request request = ask("POST", "/api/pay/whole");
    request.scheme = "https";
    request.fields.add("content-type", "application/grpc");
    const auto whole = co_await client.send(request, "x");
    EXPECT_TRUE(whole && whole->trailers.find("grpc-status") == "5" && whole->trailers.find("grpc-message") == "lost");
    if (whole) expect_silent(*whole);
    request.target = "/api/pay/cut";
    const auto cut = co_await client.send(request, "x");
    EXPECT_TRUE(cut && cut->trailers.find("grpc-status") == "14" &&
                cut->trailers.find("grpc-message") == "Bad Gateway");
    if (cut) expect_silent(*cut);
  }());
}

TEST_F(GatewayTest, AClientThatDoesNotSpeakTlsLeavesALine) {
  Node& payments = node("payments", "payments-1");
  loop_.run([&]() -> net::Task<> {
    co_await start(payments, snapshot(payments), callee(payments));
    Client client(loop_, addresses_[0]);
    EXPECT_FALSE(co_await client.send(ask("GET", "/api/pay/x")));
  }());
  gateway_.reset();
  const auto lines = read_file(records_);
  ASSERT_TRUE(lines);
  EXPECT_NE(lines->find("TLS with 127.0.0.1 failed: "), std::string::npos) << *lines;
}

TEST_F(GatewayTest, OfAPathThatLeadsNowhereNothingIsWrittenThatAContractHides) {
  Node& payments = node("payments", "payments-1");
  loop_.run([&]() -> net::Task<> {
    Snapshot hiding = snapshot(payments);
    hiding.upstreams[0].hidden_paths = {"/cards/{!}"};
    hiding.gateway.routes[0].rewrite = "/";
    hiding.gateway.routes[0].rules.allow_from = {"10.0.0.0/8"};
    co_await start(payments, hiding, callee(payments));
    Client client(loop_, addresses_[1]);
    for (const auto& [path, status] : std::map<std::string, int>{{"/cards/4111", 404},
                                                                 {"/api/pay//cards/4111", 400},
                                                                 {"/api/pay/cards%2F4111", 400},
                                                                 {"/api/pay/cards/4111", 403}}) {
      const auto reply = co_await client.send(ask("GET", path));
      EXPECT_TRUE(reply && reply->status == status) << path;
    }
  }());
  gateway_.reset();
  const auto lines = read_file(records_);
  ASSERT_TRUE(lines);
  EXPECT_NE(lines->find(R"("path":"/cards/*")"), std::string::npos) << *lines;
  EXPECT_NE(lines->find(R"("verdict":"denied")"), std::string::npos) << "who comes from elsewhere";
  EXPECT_EQ(lines->find("4111"), std::string::npos) << *lines;
}

TEST_F(GatewayTest, AHostIsTheSameInAnyCaseAndWithAnyPort) {
  Node& payments = node("payments", "payments-1");
  service(payments, 8080, [&](ServerExchange& exchange) { return reply_text(exchange, 200, "paid"); });
  loop_.run([&]() -> net::Task<> {
    Snapshot hosted = snapshot(payments);
    hosted.gateway.routes[0].host = "pay.example";
    co_await start(payments, hosted, callee(payments));
    for (const auto& [host, status] : std::map<std::string, int>{{"pay.example", 200},
                                                                 {"PAY.Example", 200},
                                                                 {"Pay.example:8443", 200},
                                                                 {"pay.example.", 404},
                                                                 {"pay.example.evil.example", 404},
                                                                 {"other.example", 404}}) {
      Client client(loop_, addresses_[1]);
      http::Request request = ask("GET", "/api/pay/x");
      request.authority = host;
      const auto reply = co_await client.send(request);
      EXPECT_TRUE(reply && reply->status == status) << host << (reply ? reply->status : 0);
    }
  }());
}

TEST_F(GatewayTest, PlainHttpIsSentToHttps) {
  Node& payments = node("payments", "payments-1");
  loop_.run([&]() -> net::Task<> {
    co_await start(payments, snapshot(payments), callee(payments));
    Client client(loop_, addresses_[2]);
    const auto reply = co_await client.send(ask("GET", "/api/pay/x?y=1"));
    EXPECT_TRUE(reply && reply->status == 308);
    if (!reply) co_return;
    EXPECT_EQ(reply->fields.find("location"), fmt::format("https://{}:{}/api/pay/x?y=1", kHost, addresses_[0].port()));
  }());
}

TEST_F(GatewayTest, ALimitRefusesWithWhatThereIsToKnow) {
  Node& payments = node("payments", "payments-1");
  service(payments, 8080, [&](ServerExchange& exchange) { return reply_text(exchange, 200, "paid"); });
  loop_.run([&]() -> net::Task<> {
    Snapshot limited = snapshot(payments);
    limited.gateway.routes[0].rules.limits = {*manifest::parse_limit("2/h per address")};
    co_await start(payments, limited, callee(payments));
    Client client(loop_, addresses_[1]);
    for (int i = 0; i < 2; ++i) {
      const auto reply = co_await client.send(ask("GET", "/api/pay/x"));
      EXPECT_TRUE(reply && reply->status == 200);
      if (reply) EXPECT_EQ(reply->fields.find("ratelimit-policy"), "\"per-address\";q=2;w=3600");
    }
    const auto refused = co_await client.send(ask("GET", "/api/pay/x"));
    EXPECT_TRUE(refused && refused->status == 429);
    if (!refused) co_return;
    expect_silent(*refused);
    EXPECT_TRUE(refused->fields.find("retry-after") && refused->fields.find("ratelimit"));
    const auto elsewhere = co_await client.send(ask("GET", "/nothing"));
    EXPECT_TRUE(elsewhere && elsewhere->status == 404) << "what is nowhere is not counted";
  }());
}

TEST_F(GatewayTest, AClientCertificateIsJudgedAtTheRoutesThatAskForIt) {
  Node& payments = node("payments", "payments-1");
  service(payments, 8080, [&](ServerExchange& exchange) { return reply_text(exchange, 200, "paid"); });
  const auto root = identity::test::authority("devices' root");
  const auto other = identity::test::authority("another root");
  const auto good = identity::test::issue({.common_name = "", .names = "DNS:pc.example"}, &root);
  const auto wrong = identity::test::issue({.common_name = "", .names = "DNS:pc.example"}, &other);
  loop_.run([&]() -> net::Task<> {
    Snapshot asks = with_users(snapshot(payments), devices(root.pem()));
    Snapshot behind = callee(payments);
    behind.user_keys = asks.user_keys;
    co_await start(payments, asks, behind);
    for (const auto protocol : {UpstreamProtocol::http1, UpstreamProtocol::http2}) {
      const std::string alpn = protocol == UpstreamProtocol::http1 ? "http/1.1" : "h2";
      Client holder(loop_, addresses_[0], protocol, tls(alpn, &good));
      Client impostor(loop_, addresses_[0], protocol, tls(alpn, &wrong));
      Client nobody(loop_, addresses_[0], protocol, tls(alpn));
      co_await expect_status(holder, "/api/pay/x", 200, "paid");
      co_await expect_status(holder, "/free/x", 200, "paid");
      co_await expect_status(impostor, "/free/x", 200, "paid");
      co_await expect_status(
          impostor, "/api/pay/x", 403,
          "Forbidden: the client certificate is not accepted: unable to get local issuer certificate\n");
      co_await expect_status(nobody, "/api/pay/x", 403, "Forbidden: a client certificate is needed\n");
    }
    Client plain(loop_, addresses_[1]);
    co_await expect_status(plain, "/api/pay/x", 403, "Forbidden: a client certificate is needed\n");
  }());
}

TEST_F(GatewayTest, TokensAreSealedOnceTheControllerSaysThatAllVerifyThem) {
  Node& payments = node("payments", "payments-1");
  std::string token;
  service(payments, 8080, [&](ServerExchange& exchange) {
    token = exchange.request().fields.find(kUserField).value_or("");
    return reply_text(exchange, 200, "paid");
  });
  const auto header = [&] { return jose::decode_base64url(token.substr(0, token.find('.'))).value_or(""); };
  const std::string secret(32, 's');
  const auto seal_of = [&](const char* name) { return jose::SealKey::derive(secret, name).text(); };
  const auto bank = jose::SigningKey::generate(jose::Algorithm::es256);
  const auto bearer = [&](std::size_t size) {
    const auto now = wall_seconds().time_since_epoch().count();
    return "Bearer " + *bank->sign("JWT", {{"iss", "https://id.example"},
                                           {"aud", "shop"},
                                           {"sub", "ann"},
                                           {"exp", now + 60},
                                           {"note", std::string(size, 'x')}});
  };
  loop_.run([&]() -> net::Task<> {
    Provider customers{.name = "customers", .issuer = "https://id.example", .audiences = {"shop"}};
    customers.jwks = bank->public_jwk();
    customers.rsa_algorithm = "RS256";
    customers.claims = {"note"};
    Snapshot asks = with_users(snapshot(payments), customers);
    for (int i = 0; i < 23; ++i) asks.gateway.seals.push_back(seal_of(std::to_string(i).c_str()));
    asks.gateway.seals.push_back(seal_of("payments"));
    Snapshot behind = callee(payments);
    behind.user_keys = asks.user_keys;
    behind.user_seal = seal_of("payments");
    co_await start(payments, asks, behind);
    Client client(loop_, addresses_[0], UpstreamProtocol::http2, tls("h2"));
    const auto expect = [&](std::size_t note, int status) -> net::Task<> {
      http::Request request = ask("GET", "/api/pay/x");
      request.scheme = "https";
      request.fields.set("authorization", bearer(note));
      const auto reply = co_await client.send(std::move(request));
      EXPECT_TRUE(reply && reply->status == status) << (reply ? reply->body : reply.error().message);
    };
    co_await expect(1, 200);
    EXPECT_NE(header().find("ES256"), std::string::npos) << header();

    controller_->ask("_gateway-1", {{"type", "tokens"}, {"seals", true}});
    asks.hints.manifest = "other.yaml";  // so that it is applied, behind the message
    controller_->set_snapshot(asks);
    co_await controller_->until_applied("_gateway-1");
    co_await expect(1, 200);
    EXPECT_NE(header().find(jose::kSealAlgorithm), std::string::npos) << header();
    EXPECT_LE(token.size(), defaults::kLongestUserToken);
    co_await expect(2400, 200);
    EXPECT_NE(header().find("ES256"), std::string::npos) << "seals would make it too long";
    co_await expect(3000, 401);

    behind.user_seal = seal_of("another");
    controller_->set_snapshot(behind);
    co_await controller_->until_applied(payments.instance());
    co_await expect(1, 503);  // nothing that the client did
  }());
}

TEST_F(GatewayTest, ConnectionsOfAnAuthorityThatIsGoneAreNobodys) {
  Node& payments = node("payments", "payments-1");
  service(payments, 8080, [&](ServerExchange& exchange) { return reply_text(exchange, 200, "paid"); });
  const auto root = identity::test::authority("devices' root");
  const auto next = identity::test::authority("next root");
  const auto good = identity::test::issue({.common_name = "", .names = "DNS:pc.example"}, &root);
  const auto renewed = identity::test::issue({.common_name = "", .names = "DNS:pc.example"}, &next);
  loop_.run([&]() -> net::Task<> {
    Snapshot asks = with_users(snapshot(payments), devices(root.pem()));
    Snapshot behind = callee(payments);
    behind.user_keys = asks.user_keys;
    co_await start(payments, asks, behind);
    Client holder(loop_, addresses_[0], UpstreamProtocol::http2, tls("h2", &good));
    co_await expect_status(holder, "/api/pay/x", 200, "paid");
    asks.gateway.providers[0].client_anchors_pem = root.pem() + next.pem();
    controller_->set_snapshot(asks);
    co_await controller_->until_applied("_gateway-1");
    Client early(loop_, addresses_[0], UpstreamProtocol::http2, tls("h2", &renewed));
    co_await expect_status(early, "/api/pay/x", 200, "paid");
    co_await expect_status(holder, "/api/pay/x", 200, "paid");
    asks.gateway.providers[0].client_anchors_pem = next.pem();
    controller_->set_snapshot(asks);
    co_await controller_->until_applied("_gateway-1");
    co_await expect_status(
        holder, "/api/pay/x", 403,
        "Forbidden: the client certificate is not accepted: unable to get local issuer certificate\n");
    co_await expect_status(early, "/api/pay/x", 200, "paid");
  }());
}

TEST_F(GatewayTest, BodiesHaveASizeWhetherTheySayItOrNot) {
  Node& payments = node("payments", "payments-1");
  service(payments, 8080, [&](ServerExchange& exchange) -> net::Task<> {
    const bool large = exchange.request().target == "/large";
    const bool chunked = exchange.request().target == "/chunked";
    for (bool whole = false; !whole;) {
      const auto part = co_await exchange.read_body(loop_.in(std::chrono::seconds(5)));
      if (!part) co_return;
      whole = part->end;
    }
    if (!chunked) co_return co_await reply_text(exchange, 200, std::string(large ? 1001 : 1000, 'x'));
    http::Response head;
    head.body = true;
    static_cast<void>(co_await exchange.send_head(std::move(head), false));
    static_cast<void>(co_await exchange.send_body(std::string(1001, 'x'), true, net::Deadline::never()));
  });
  loop_.run([&]() -> net::Task<> {
    Snapshot limited = snapshot(payments);
    limited.gateway.routes[0].rules.most_request = 100;
    limited.gateway.routes[0].rules.most_answer = 1000;
    co_await start(payments, limited, callee(payments));
    const auto status = [&](const char* target, std::size_t size) -> net::Task<int> {
      Client client(loop_, addresses_[1]);
      http::Request request = ask("POST", target);
      const auto reply = co_await client.send(std::move(request), std::string(size, 'x'));
      co_return reply ? reply->status : 0;
    };
    EXPECT_EQ(co_await status("/api/pay/x", 100), 200);
    EXPECT_EQ(co_await status("/api/pay/x", 101), 413);
    EXPECT_EQ(co_await status("/api/pay/large", 0), 502);
    EXPECT_EQ(co_await status("/api/pay/chunked", 0), 0) << "it is broken off";
  }());
}

TEST_F(GatewayTest, AnAddressThatIsNotLetInGetsNoConnectionOrNoRoute) {
  Node& payments = node("payments", "payments-1");
  service(payments, 8080, [&](ServerExchange& exchange) { return reply_text(exchange, 200, "paid"); });
  loop_.run([&]() -> net::Task<> {
    co_await start(payments, snapshot(payments), callee(payments));
    Client open(loop_, addresses_[1]);
    const auto before = co_await open.send(ask("GET", "/api/pay/x"));
    EXPECT_TRUE(before && before->status == 200);
    Snapshot closed = snapshot(payments);
    closed.gateway.routes[0].rules.deny_from = {"127.0.0.0/8"};
    controller_->set_snapshot(closed);
    co_await controller_->until_applied("_gateway-1");
    const auto refused = co_await open.send(ask("GET", "/api/pay/x"));
    EXPECT_TRUE(refused && refused->status == 403) << "a change holds on open connections";
    if (refused) expect_silent(*refused);
    closed.gateway.rules.deny_from = {"127.0.0.1"};
    controller_->set_snapshot(closed);
    co_await controller_->until_applied("_gateway-1");
    Client late(loop_, addresses_[0], UpstreamProtocol::http1, tls());
    EXPECT_FALSE(co_await late.send(ask("GET", "/api/pay/x")));
  }());
}

TEST_F(GatewayTest, PagesOfOtherOriginsAreAnsweredForTheService) {
  Node& payments = node("payments", "payments-1");
  std::string seen;
  service(payments, 8080, [&](ServerExchange& exchange) -> net::Task<> {
    seen += exchange.request().method + " ";
    http::Response head;
    head.content_length = 0;
    for (const http::Field field : {http::Field{"access-control-allow-origin", "*"},
                                    {"server", "secret/1"},
                                    {"x-powered-by", "secret"},
                                    {"x-frame-options", "DENY"}})
      head.fields.add(field.name, field.value);
    static_cast<void>(co_await exchange.send_head(std::move(head), true));
  });
  loop_.run([&]() -> net::Task<> {
    Snapshot with = snapshot(payments);
    manifest::EdgeRules& rules = with.gateway.routes[0].rules;
    rules.cors.emplace().origins = {"https://app.example"};
    rules.headers = {{"x-frame-options", "SAMEORIGIN"}, {"x-content-type-options", "nosniff"}};
    co_await start(payments, with, callee(payments));
    Client client(loop_, addresses_[1]);
    http::Request question = ask("OPTIONS", "/api/pay/x");
    question.fields.add("origin", "https://app.example");
    question.fields.add("access-control-request-method", "POST");
    const auto answered = co_await client.send(question);
    EXPECT_TRUE(answered && answered->status == 204);
    if (answered) EXPECT_EQ(answered->fields.find("access-control-allow-origin"), "https://app.example");
    EXPECT_EQ(seen, "") << "the service is not asked";
    http::Request request = ask("GET", "/api/pay/x");
    request.fields.add("origin", "https://app.example");
    const auto reply = co_await client.send(request);
    EXPECT_TRUE(reply && reply->status == 200);
    if (!reply) co_return;
    EXPECT_EQ(reply->fields.all("access-control-allow-origin"), std::vector<std::string_view>{"https://app.example"});
    EXPECT_FALSE(reply->fields.has("server") || reply->fields.has("x-powered-by"));
    EXPECT_EQ(reply->fields.find("x-frame-options"), "DENY") << "what the service says itself stays";
    EXPECT_EQ(reply->fields.find("x-content-type-options"), "nosniff");
  }());
}

TEST(Redirect, AHostileAuthorityGivesNoLocation) {
  EXPECT_EQ(https_location("shop.example:80", "/a", 443), "https://shop.example/a");
  EXPECT_EQ(https_location("shop.example", "/a", 8443), "https://shop.example:8443/a");
  EXPECT_EQ(https_location("[::1]:80", "/", 0), "https://[::1]/");
  for (const char* host : {"", "evil/..", "a b", "a@b", "a\\b", "a\"b"}) EXPECT_EQ(https_location(host, "/", 0), "");
  EXPECT_EQ(https_location("shop.example", "*", 0), "");
}

}  // namespace
}  // namespace bulkhead::gateway
