#include "proxy/snapshot.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

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

Snapshot sample() {
  Snapshot snapshot;
  snapshot.app = "shop";
  snapshot.service = "checkout";
  snapshot.instance = "checkout-1";
  snapshot.trust_domain = "shop.bulkhead";
  snapshot.spiffe_id = "spiffe://shop.bulkhead/shop/checkout";
  snapshot.inbound.ports = {{8080, Protocol::http}};
  snapshot.inbound.edges = {edge("search", "checkout", 8080, Protocol::http)};
  snapshot.health = {HealthKind::http, true, 8080, "/healthz", 2000, 1000, 3, 60000};
  Upstream upstream;
  upstream.service = "payments";
  upstream.port = 9000;
  upstream.protocol = Protocol::grpc;
  upstream.spiffe_id = "spiffe://shop.bulkhead/shop/payments";
  upstream.edge = edge("checkout", "payments", 9000, Protocol::grpc);
  upstream.endpoints = {{"payments-1", "unix:/run/p1.sock", true}, {"payments-2", "tcp:10.1.2.3:4000", false}};
  snapshot.upstreams = {upstream};
  snapshot.doors = {{"198.18.1.1", 9000, DoorKind::upstream, 0, Handling::http},
                    {"127.0.0.1", 4001, DoorKind::upstream, 0, Handling::http}};
  snapshot.names = {{"payments", "198.18.1.1"}};
  snapshot.gateway.routes = {{"", "/api/pay/*", {"GET"}, 0, "/", "gateway.routes[0]"}};
  snapshot.hints = {"bulkhead.yaml", {{"checkout", "team-a", 12}}};
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
        Damage{"NulInText", [](json& v) { v["hints"]["manifest"] = std::string("a\0b", 3); }},
        Damage{"EndlessText", [](json& v) { v["hints"]["manifest"] = std::string(1U << 20U, 'x'); }}),
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

}  // namespace
}  // namespace bulkhead::proxy
