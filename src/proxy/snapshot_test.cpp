#include "proxy/snapshot.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "jose/seal.hpp"
#include "proxy/config.hpp"

namespace bulkhead::proxy {
namespace {

using nlohmann::json;

policy::Edge edge(std::string from, std::string to, std::uint16_t port, Protocol protocol) {
  policy::Edge made;
  made.id = from + ".calls." + to;
  made.from = std::move(from);
  made.to = std::move(to);
  made.port = {port};
  made.protocol = protocol;
  made.position = {"bulkhead.yaml", 3, 5};
  return made;
}

manifest::Resilience resilience() {
  using manifest::Duration;
  using manifest::Share;
  manifest::Resilience all;
  all.timeout = Duration(2000);
  all.retries = {2, {429, 500}, true, Duration(500), Duration(10), Duration(100), Share{1000}};
  all.breaker = manifest::Breaker{Share{2500}, 7, Duration(3000), Duration(4000)};
  all.outliers = {2, Duration(6000), Share{1000}};
  all.slow_start = Duration(0);
  all.fallback = manifest::Fallback{.to = "refunds", .port = {9000}};
  all.faults = {{Duration(200), 0, Share{500}, {{"x-test", "slow"}}}, {std::nullopt, 503, Share{1}, {}}};
  all.split = {{"payments", {9000}, Share{10'000}, {{"x-pin", "old"}}}, {"refunds", {9000}, Share{1}, {}}};
  return all;
}

Snapshot sample() {
  Snapshot snapshot;
  snapshot.app = "shop";
  snapshot.service = "checkout";
  snapshot.instance = "checkout-1";
  snapshot.trust_domain = "shop.bulkhead";
  snapshot.spiffe_id = "spiffe://shop.bulkhead/shop/checkout";
  snapshot.inbound.ports = {{8080, Protocol::http}};
  snapshot.inbound.edges = {edge("search", "checkout", 8080, Protocol::http)};
  snapshot.inbound.concurrency = {64, 16, 0};
  snapshot.health = {HealthKind::http, true, 8080, "/healthz", 2000, 1000, 3, 60000};
  Upstream upstream;
  upstream.service = "payments";
  upstream.port = 9000;
  upstream.protocol = Protocol::grpc;
  upstream.spiffe_id = "spiffe://shop.bulkhead/shop/payments";
  upstream.edge = edge("checkout", "payments", 9000, Protocol::grpc);
  upstream.endpoints = {{"payments-1", "unix:/run/p1.sock", true}, {"payments-2", "tcp:10.1.2.3:4000", false}};
  upstream.resilience = resilience();
  Upstream refunds = upstream;
  refunds.service = "refunds";
  refunds.spiffe_id = "spiffe://shop.bulkhead/shop/refunds";
  refunds.edge = edge("checkout", "refunds", 9000, Protocol::grpc);
  refunds.resilience = {};
  refunds.resilience.fallback = manifest::Fallback{.status = 503, .content_type = "text/plain", .body = "later"};
  snapshot.upstreams = {upstream, refunds};
  snapshot.doors = {{"198.18.1.1", 9000, DoorKind::upstream, 0, Handling::http},
                    {"127.0.0.1", 4001, DoorKind::upstream, 0, Handling::http}};
  snapshot.names = {{"payments", "198.18.1.1"}};
  snapshot.gateway.routes = {{"", "/api/pay/*", {"GET"}, 0, "/", "gateway.routes[0]"}};
  snapshot.user_seal = jose::SealKey::derive(std::string(32, 's'), "checkout").text();
  snapshot.gateway.seals = {snapshot.user_seal, jose::SealKey::derive(std::string(32, 's'), "payments").text()};
  snapshot.secret_marks = {std::string(64, '0') + "\n7 14 " + std::string(32, 'a') + " db"};
  snapshot.hints = {"bulkhead.yaml", {{"checkout", "team-a", 12, "shop.yaml"}}};
  return snapshot;
}

TEST(Snapshot, TravelsAsJsonAndComesBackEqual) {
  const Snapshot snapshot = sample();
  const auto back = parse_snapshot(to_json(snapshot).dump());
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(*back, snapshot);
}

TEST(Snapshot, EqualContentHasAnEqualHashAndAnyDifferenceAnother) {
  const std::string hash = content_hash(sample());
  EXPECT_EQ(hash.size(), 7 + 64U);
  EXPECT_EQ(content_hash(*parse_snapshot(to_json(sample()).dump(2))), hash);
  Snapshot other = sample();
  other.upstreams[0].endpoints[1].ready = true;
  EXPECT_NE(content_hash(other), hash);
  other = sample();
  other.upstreams[0].resilience.split[1].share = manifest::Share{2};
  EXPECT_NE(content_hash(other), hash);
}

TEST(Snapshot, WritesResilienceInNumbersEvenWhereAllIsDefault) {
  Snapshot snapshot = sample();
  snapshot.upstreams[1].resilience = {};
  const json written = to_json(snapshot)["upstreams"];
  EXPECT_EQ(written[1]["resilience"].dump(),
            R"({"breaker":null,"fallback":null,"faults":[],"outliers":{"eject_ms":10000,"failures":5,"most":5000},)"
            R"("retries":{"backoff_ms":25,"budget":2000,"max":1,"most_backoff_ms":250,"on":[],"per_try_ms":0,)"
            R"("unsafe":false},"slow_start_ms":10000,"split":[],"timeout_ms":0})");
  EXPECT_EQ(written[0]["resilience"]["faults"][0].dump(),
            R"({"abort":0,"delay_ms":200,"headers":[{"name":"x-test","value":"slow"}],"share":500})");
  EXPECT_EQ(written[0]["resilience"]["split"][1].dump(), R"({"headers":[],"port":9000,"share":1,"to":"refunds"})");
}

TEST(Snapshot, ADetourOfARouteIsTheFirstUpstreamFromItsOwnOn) {
  Snapshot snapshot;
  for (const char* service : {"web", "next", "web", "next", "static"}) {
    snapshot.upstreams.emplace_back();
    snapshot.upstreams.back().service = service;
    snapshot.upstreams.back().port = 80;
  }
  EXPECT_EQ(detour(snapshot, 0, "next", 80), 1U);
  EXPECT_EQ(detour(snapshot, 2, "next", 80), 3U);
  EXPECT_EQ(detour(snapshot, 2, "web", 80), 2U);
  EXPECT_EQ(detour(snapshot, 4, "web", 80), 0U);
  EXPECT_EQ(detour(snapshot, 0, "next", 81), std::nullopt);
  EXPECT_EQ(detour(snapshot, 0, "other", 80), std::nullopt);
  EXPECT_EQ(detour(Snapshot{}, 0, "web", 80), std::nullopt);
}

struct Damage {
  const char* name;
  void (*damage)(json&);
};

class HostileSnapshot : public testing::TestWithParam<Damage> {};

TEST_P(HostileSnapshot, IsRefused) {
  json value = to_json(sample());
  GetParam().damage(value);
  EXPECT_FALSE(snapshot_from_json(value).has_value());
}

INSTANTIATE_TEST_SUITE_P(
    All, HostileSnapshot,
    testing::Values(
        Damage{"NotAnObject", [](json& v) { v = json::array(); }},
        Damage{"MissingMember", [](json& v) { v.erase("doors"); }},
        Damage{"UnknownMember", [](json& v) { v["extra"] = 1; }},
        Damage{"UnknownNestedMember", [](json& v) { v["health"]["extra"] = 1; }},
        Damage{"TextForANumber", [](json& v) { v["doors"][0]["port"] = "9000"; }},
        Damage{"NegativePort", [](json& v) { v["doors"][0]["port"] = -1; }},
        Damage{"PortTooLarge", [](json& v) { v["doors"][0]["port"] = 65536; }},
        Damage{"PortZero", [](json& v) { v["doors"][0]["port"] = 0; }},
        Damage{"FractionalPort", [](json& v) { v["doors"][0]["port"] = 80.5; }},
        Damage{"UnknownProtocol", [](json& v) { v["upstreams"][0]["protocol"] = "quic"; }},
        Damage{"IndexOfNothing", [](json& v) { v["doors"][0]["index"] = 7; }},
        Damage{"WrongHandling", [](json& v) { v["doors"][0]["handling"] = "tcp"; }},
        Damage{"TwoDoorsAtOnePlace", [](json& v) { v["doors"][1] = v["doors"][0]; }},
        Damage{"ANameTwice", [](json& v) { v["names"].push_back(v["names"][0]); }},
        Damage{"ADoorThatIsAName", [](json& v) { v["doors"][0]["address"] = "payments"; }},
        Damage{"ForeignIdentity", [](json& v) { v["spiffe_id"] = "spiffe://shop.bulkhead/shop/admin"; }},
        Damage{"ForeignPeer", [](json& v) { v["upstreams"][0]["spiffe_id"] = "spiffe://evil.test/shop/payments"; }},
        Damage{"EdgeOfAnother", [](json& v) { v["upstreams"][0]["edge"]["to"] = "catalog"; }},
        Damage{"InboundEdgeOfAnother", [](json& v) { v["inbound"]["edges"][0]["to"] = "catalog"; }},
        Damage{"AnEndpointTwice", [](json& v) { v["upstreams"][0]["endpoints"][1]["instance"] = "payments-1"; }},
        Damage{"AnEndpointByName", [](json& v) { v["upstreams"][0]["endpoints"][0]["address"] = "tcp:payments:80"; }},
        Damage{"RouteToNothing", [](json& v) { v["gateway"]["routes"][0]["upstream"] = 3; }},
        Damage{"RouteWithABadPattern", [](json& v) { v["gateway"]["routes"][0]["path"] = "api/*x"; }},
        Damage{"TlsWithoutACertificate",
               [](json& v) {
                 v["gateway"]["listeners"] =
                     json::parse(R"([{"name":"listen:0","tls":true,"redirect_to_https":false,"https_port":0}])");
               }},
        Damage{"NoResilience", [](json& v) { v["upstreams"][0].erase("resilience"); }},
        Damage{"NoConcurrency", [](json& v) { v["inbound"].erase("concurrency"); }},
        Damage{"MorePerCallerThanInAll", [](json& v) { v["inbound"]["concurrency"]["per_caller"] = 65; }},
        Damage{"NoBreakerMember", [](json& v) { v["upstreams"][0]["resilience"].erase("breaker"); }},
        Damage{"UnknownBreakerMember", [](json& v) { v["upstreams"][0]["resilience"]["breaker"]["extra"] = 1; }},
        Damage{"NegativeTime", [](json& v) { v["upstreams"][0]["resilience"]["timeout_ms"] = -1; }},
        Damage{"EndlessTime", [](json& v) { v["upstreams"][0]["resilience"]["timeout_ms"] = 1ULL << 63U; }},
        Damage{"FractionalTime", [](json& v) { v["upstreams"][0]["resilience"]["slow_start_ms"] = 0.5; }},
        Damage{"TextForATime", [](json& v) { v["upstreams"][0]["resilience"]["slow_start_ms"] = "10s"; }},
        Damage{"NullForATime", [](json& v) { v["upstreams"][0]["resilience"]["timeout_ms"] = nullptr; }},
        Damage{"EndlessRetries", [](json& v) { v["upstreams"][0]["resilience"]["retries"]["max"] = 4'000'000'000; }},
        Damage{"Retried404", [](json& v) { v["upstreams"][0]["resilience"]["retries"]["on"][0] = 404; }},
        Damage{"BudgetAboveAll", [](json& v) { v["upstreams"][0]["resilience"]["retries"]["budget"] = 10'001; }},
        Damage{"BackoffAboveItsMost", [](json& v) { v["upstreams"][0]["resilience"]["retries"]["backoff_ms"] = 101; }},
        Damage{"BreakerThatNeverLooks", [](json& v) { v["upstreams"][0]["resilience"]["breaker"]["over_ms"] = 0; }},
        Damage{"BreakerOfNoRequest", [](json& v) { v["upstreams"][0]["resilience"]["breaker"]["requests"] = 0; }},
        Damage{"BreakerAboveAll", [](json& v) { v["upstreams"][0]["resilience"]["breaker"]["errors"] = 10'001; }},
        Damage{"OutliersAboveAll", [](json& v) { v["upstreams"][0]["resilience"]["outliers"]["most"] = 10'001; }},
        Damage{"EjectedForNoTime", [](json& v) { v["upstreams"][0]["resilience"]["outliers"]["eject_ms"] = 0; }},
        Damage{"FallbackOfBoth", [](json& v) { v["upstreams"][0]["resilience"]["fallback"]["status"] = 200; }},
        Damage{"FallbackOfNeither", [](json& v) { v["upstreams"][1]["resilience"]["fallback"]["status"] = 0; }},
        Damage{"FallbackStatus600", [](json& v) { v["upstreams"][1]["resilience"]["fallback"]["status"] = 600; }},
        Damage{"FallbackStatus100", [](json& v) { v["upstreams"][1]["resilience"]["fallback"]["status"] = 100; }},
        Damage{"FallbackBodyTooLong",
               [](json& v) { v["upstreams"][1]["resilience"]["fallback"]["body"] = std::string(16'385, 'x'); }},
        Damage{"FallbackTypeOfTwoLines",
               [](json& v) { v["upstreams"][1]["resilience"]["fallback"]["content_type"] = "a/b\r\nx: y"; }},
        Damage{"FallbackToNobody", [](json& v) { v["upstreams"][0]["resilience"]["fallback"]["to"] = "nobody"; }},
        Damage{"FallbackToItself", [](json& v) { v["upstreams"][0]["resilience"]["fallback"]["to"] = "payments"; }},
        Damage{"FallbackToAnotherPort", [](json& v) { v["upstreams"][0]["resilience"]["fallback"]["port"] = 9001; }},
        Damage{"FaultOfNothing", [](json& v) { v["upstreams"][0]["resilience"]["faults"][0]["delay_ms"] = nullptr; }},
        Damage{"FaultStatus200", [](json& v) { v["upstreams"][0]["resilience"]["faults"][1]["abort"] = 200; }},
        Damage{"FaultOfNoShare", [](json& v) { v["upstreams"][0]["resilience"]["faults"][1]["share"] = 0; }},
        Damage{"HeaderInCapitals",
               [](json& v) { v["upstreams"][0]["resilience"]["faults"][0]["headers"][0]["name"] = "X-Test"; }},
        Damage{"HeaderOfTwoLines",
               [](json& v) { v["upstreams"][0]["resilience"]["split"][0]["headers"][0]["value"] = "a\r\nb"; }},
        Damage{"SplitToNobody", [](json& v) { v["upstreams"][0]["resilience"]["split"][1]["to"] = "nobody"; }},
        Damage{"SplitAboveAll", [](json& v) { v["upstreams"][0]["resilience"]["split"][1]["share"] = 10'001; }},
        Damage{"SplitToAnotherProtocol",
               [](json& v) {
                 v["upstreams"][0]["resilience"]["fallback"] = nullptr;
                 v["upstreams"][1]["protocol"] = v["upstreams"][1]["edge"]["protocol"] = "http";
               }},
        Damage{"AMarkThatIsNone", [](json& v) { v["secret_marks"] = {"7 14"}; }},
        Damage{"ASealThatIsNoKey", [](json& v) { v["user_seal"] = "c2hvcnQ"; }},
        Damage{"AGatewaysSealThatIsNoKey", [](json& v) { v["gateway"]["seals"][1] = ""; }},
        Damage{"MoreSealsThanThereMayBe",
               [](json& v) { v["gateway"]["seals"] = json::array_t(25, v["gateway"]["seals"][0]); }},
        Damage{"NulInText", [](json& v) { v["hints"]["manifest"] = std::string("a\0b", 3); }},
        Damage{"EndlessText", [](json& v) { v["hints"]["manifest"] = std::string(2U << 20U, 'x'); }}),
    [](const auto& info) { return info.param.name; });

TEST(Snapshot, RepeatedMembersInItsTextAreRefused) {
  std::string text = to_json(sample()).dump();
  text.insert(1, R"("app":"evil",)");
  EXPECT_FALSE(parse_snapshot(text).has_value());
  EXPECT_FALSE(parse_snapshot("").has_value());
  EXPECT_FALSE(parse_snapshot(std::string(100'000, '[')).has_value());
}

TEST(Config, FindsWhatStandsBehindADialledAddress) {
  const Config config(std::make_shared<const Snapshot>(sample()));
  ASSERT_NE(config.door(*net::Address::ip("198.18.1.1", 9000)), nullptr);
  EXPECT_EQ(config.door(*net::Address::ip("198.18.1.1", 9001)), nullptr);
  EXPECT_EQ(config.door(*net::Address::ip("198.18.1.2", 9000)), nullptr);
  EXPECT_NE(config.door(*net::Address::ip("127.0.0.1", 4001)), nullptr);
  EXPECT_NE(config.door(*net::Address::ip("::1", 4001)), nullptr);
  EXPECT_EQ(config.door(*net::Address::ip("::1", 4002)), nullptr);
}

TEST(Config, ResolvesDeclaredNamesOnly) {
  const Config config(std::make_shared<const Snapshot>(sample()));
  EXPECT_TRUE(config.resolve("payments").has_value());
  EXPECT_FALSE(config.resolve("catalog").has_value());
}

TEST(Config, ChoosesARouteAndRewritesItsPath) {
  const Config config(std::make_shared<const Snapshot>(sample()));
  const Route* route = config.route("shop.example", "GET", "/api/pay/x");
  ASSERT_NE(route, nullptr);
  EXPECT_EQ(config.rewrite(*route, "/api/pay/x"), "/x");
  EXPECT_EQ(config.route("shop.example", "POST", "/api/pay/x"), nullptr);
  EXPECT_EQ(config.route("shop.example", "GET", "/api/pay/../x"), nullptr);
}

TEST(Config, AHostIsReadWithoutItsPort) {
  EXPECT_EQ(host_of("Shop.Example:8443"), "shop.example");
  EXPECT_EQ(host_of("[::1]:80"), "[::1]");
  EXPECT_EQ(host_of("[::1]"), "[::1]");
  EXPECT_EQ(host_of(""), "");
}

TEST(Config, HidesOfAPathWithoutARouteWhatAnyContractHides) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->upstreams.resize(3);
  snapshot->upstreams[0].hidden_paths = {"/users/{!}"};
  snapshot->upstreams[1].hidden_paths = {"/users/{}/cards/{!}"};
  const Config config(snapshot);
  EXPECT_TRUE(config.hides_paths());
  const auto shown = config.hide_unrouted("/users/7/cards/4111").value_or("");
  EXPECT_EQ(shown.find("4111"), std::string::npos) << shown;
  EXPECT_EQ(shown.find('7'), std::string::npos) << shown;
  EXPECT_EQ(config.hide_unrouted("/items/7"), std::nullopt);
  EXPECT_EQ(config.hide_unrouted("/" + std::string(600, 'x')), "/*") << "long ones are not looked at";
  const Config open(std::make_shared<Snapshot>());
  EXPECT_EQ(open.hide_unrouted("/" + std::string(600, 'x')), std::nullopt);
}

}  // namespace
}  // namespace bulkhead::proxy
