#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "proxy/authorize.hpp"
#include "proxy/cluster.hpp"
#include "proxy/dns_responder.hpp"
#include "proxy/health.hpp"
#include "proxy/hello.hpp"
#include "proxy/outside.hpp"
#include "proxy/tcp_preamble.hpp"

namespace bulkhead::proxy {
namespace {

TEST(TcpPreamble, ComesBackAsItWasWritten) {
  TcpPreamble preamble;
  preamble.port = 5432;
  preamble.context.trace_id.fill(3);
  const std::string bytes = encode(preamble);
  ASSERT_EQ(bytes.size(), TcpPreamble::kSize);
  const auto back = decode_tcp_preamble(bytes);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->port, 5432);
  EXPECT_EQ(back->context.trace_id, preamble.context.trace_id);
}

TEST(TcpPreamble, AnythingElseIsRefused) {
  std::string bytes = encode(TcpPreamble{80, {}});
  EXPECT_FALSE(decode_tcp_preamble(bytes.substr(1)).has_value());
  EXPECT_FALSE(decode_tcp_preamble(encode(TcpPreamble{0, {}})).has_value());
  bytes[0] = 'X';
  EXPECT_FALSE(decode_tcp_preamble(bytes).has_value());
}

TEST(TcpAnswer, ReasonsAreCut) {
  const std::string bytes = encode(TcpAnswer{TcpStatus::denied, std::string(5000, 'r')});
  const auto head = decode_tcp_answer_head(std::string_view(bytes).substr(0, TcpAnswer::kHeadSize));
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->status, TcpStatus::denied);
  EXPECT_EQ(head->reason_size, bytes.size() - TcpAnswer::kHeadSize);
  EXPECT_FALSE(decode_tcp_answer_head(std::string("\x09\x00\x00", 3)).has_value());
  EXPECT_FALSE(decode_tcp_answer_head(std::string("\x00\xff\xff", 3)).has_value());
}

TEST(Readiness, OneSuccessMakesReadyAndSeveralFailuresUnready) {
  Readiness readiness;
  using Change = Readiness::Change;
  EXPECT_EQ(readiness.record(false, 2), Change::none);
  EXPECT_EQ(readiness.record(true, 2), Change::became_ready);
  EXPECT_EQ(readiness.record(true, 2), Change::none);
  EXPECT_EQ(readiness.record(false, 2), Change::none);
  EXPECT_EQ(readiness.record(true, 2), Change::none);
  EXPECT_EQ(readiness.record(false, 2), Change::none);
  EXPECT_EQ(readiness.record(false, 2), Change::became_unready);
  EXPECT_EQ(readiness.record(true, 2), Change::became_ready);
}

TEST(GrpcHealth, SpeaksTheProtocolsBytes) {
  EXPECT_EQ(health_request(""), std::string(5, '\0'));
  EXPECT_EQ(health_request("cart"), std::string("\0\0\0\0\x06\x0a\x04", 7) + "cart");
  EXPECT_TRUE(says_serving(std::string("\0\0\0\0\x02\x08\x01", 7)));
  EXPECT_FALSE(says_serving(std::string("\0\0\0\0\x02\x08\x02", 7)));
  EXPECT_FALSE(says_serving(""));
}

TEST(Outside, InsideAddressesNeedADeclarationOfTheirOwn) {
  for (const char* ip : {"127.0.0.1", "10.0.0.5", "172.16.1.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
                         "0.0.0.0", "224.0.0.1", "255.255.255.255", "198.18.1.1", "::1", "::", "fe80::1", "fd00::1",
                         "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::"}) {
    const auto address = net::Address::ip(ip, 443);
    ASSERT_TRUE(address.has_value()) << ip;
    EXPECT_FALSE(may_leave_to(*address, false)) << ip;
    EXPECT_TRUE(may_leave_to(*address, true)) << ip;
  }
  for (const char* ip : {"93.184.216.34", "8.8.8.8", "2606:4700::1111"}) {
    EXPECT_TRUE(may_leave_to(*net::Address::ip(ip, 443), false)) << ip;
  }
  EXPECT_FALSE(may_leave_to(*net::Address::unix_socket("/run/x.sock"), true));
}

TEST(Allowances, NameTheLineThatWouldAllow) {
  EXPECT_EQ(allowance_for_name("inventory"), "calls: {inventory: }");
  EXPECT_EQ(allowance_for_name("api.mail.example"), "egress: {api: \"https://api.mail.example\"}");
  EXPECT_EQ(allowance_for_dial("10.0.0.5", 5432, true), "egress: {NAME: \"tcp://10.0.0.5:5432\"}");
  EXPECT_EQ(allowance_for_dial("fd00::1", 80, true), "egress: {NAME: \"tcp://[fd00::1]:80\"}");
  EXPECT_EQ(allowance_for_dial("10.0.0.5", 53, false), "");

  Snapshot snapshot;
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{8080, 5432}) {
    snapshot.upstreams.push_back({.service = "payments", .port = port});
    snapshot.doors.push_back(
        {.address = "198.18.0.9", .port = port, .index = static_cast<std::uint32_t>(snapshot.doors.size())});
  }
  snapshot.egress.push_back({.name = "mail", .host = "api.mail.example"});
  snapshot.doors.push_back({.address = "198.18.0.10", .port = 443, .kind = DoorKind::egress});
  EXPECT_EQ(allowance_for_port(snapshot, *net::Address::ip("198.18.0.9", 9090)),
            "calls: {payments: {port: [5432, 8080, 9090]}}");
  EXPECT_EQ(allowance_for_port(snapshot, *net::Address::ip("198.18.0.10", 25)),
            "egress: {NAME: \"tcp://api.mail.example:25\"}");
  EXPECT_EQ(allowance_for_port(snapshot, *net::Address::ip("198.18.0.11", 25)), "");
}

Upstream upstream_with(std::vector<Endpoint> endpoints) {
  Upstream upstream;
  upstream.service = "payments";
  upstream.port = 8080;
  upstream.spiffe_id = "spiffe://shop.test/shop/payments";
  upstream.endpoints = std::move(endpoints);
  return upstream;
}

const Draw kFirst = [](std::size_t) { return std::size_t{0}; };

TEST(Cluster, OnlyReadyEndpointsAreChosenAndSuspectsLast) {
  net::Loop loop;
  Cluster cluster(loop, upstream_with({{"a", "unix:/a", true}, {"b", "unix:/b", false}}));
  const EndpointPtr chosen = cluster.pick({.now = loop.now()}, kFirst);
  ASSERT_NE(chosen, nullptr);
  EXPECT_EQ(chosen->instance, "a");
  cluster.suspect(*chosen, loop.now());
  EXPECT_EQ(cluster.pick({.now = loop.now()}, kFirst), nullptr);
  EXPECT_EQ(cluster.pick({.now = loop.now(), .even_suspects = true}, kFirst), chosen);
}

TEST(Cluster, AnEndpointThatStaysKeepsWhatIsKnownOfIt) {
  net::Loop loop;
  Cluster cluster(loop, upstream_with({{"a", "unix:/a", true}}));
  const EndpointPtr before = cluster.pick({.now = loop.now()}, kFirst);
  const std::string_view key = before->pool_key;  // as whoever makes a connection views it
  cluster.update(upstream_with({{"b", "unix:/b", true}, {"a", "unix:/a", true}}));
  EXPECT_EQ(before->pool_key.data(), key.data());
  bool kept = false;
  for (std::size_t i = 0; i < 2; ++i) {
    const Draw nth = [i](std::size_t bound) { return i % bound; };
    kept = kept || cluster.pick({.now = loop.now()}, nth) == before;
  }
  EXPECT_TRUE(kept);
  cluster.update(upstream_with({{"a", "unix:/elsewhere", true}}));
  EXPECT_NE(cluster.pick({.now = loop.now()}, kFirst), before);
}

TEST(Cluster, AnInstanceOnTrialGetsItsShareAndNoMore) {
  net::Loop loop;
  Cluster cluster(
      loop, upstream_with({{"old-1", "unix:/a", true}, {"new-1", "unix:/b", true, 1000}, {"old-2", "unix:/c", true}}));
  std::size_t next = 0;
  // Every share of ten thousand is drawn once, evenly; among the endpoints always the first.
  const Draw evenly = [&next](std::size_t bound) { return bound == 10'000 ? next++ : std::size_t{0}; };
  std::map<std::string, int> chosen;
  const net::SteadyTime later = loop.now() + std::chrono::hours(1);
  for (int i = 0; i < 10'000; ++i) ++chosen[cluster.pick({.now = later}, evenly)->instance];
  EXPECT_EQ(chosen["new-1"], 1000);
  EXPECT_EQ(chosen["old-1"], 9000);
  // Where nobody else can take it, it takes all; where it can not, the others do.
  cluster.update(
      upstream_with({{"old-1", "unix:/a", false}, {"new-1", "unix:/b", true, 1}, {"old-2", "unix:/c", false}}));
  EXPECT_EQ(cluster.pick({.now = later}, kFirst)->instance, "new-1");
  cluster.update(upstream_with({{"old-1", "unix:/a", true}, {"new-1", "unix:/b", false, 10'000}}));
  EXPECT_EQ(cluster.pick({.now = later}, kFirst)->instance, "old-1");
}

TEST(Clusters, AServiceThatIsNoLongerDeclaredIsWithdrawn) {
  net::Loop loop;
  Clusters clusters(loop);
  Snapshot snapshot;
  snapshot.upstreams = {upstream_with({})};
  clusters.apply(snapshot);
  const ClusterPtr cluster = clusters.find("payments", 8080);
  ASSERT_NE(cluster, nullptr);
  clusters.apply(snapshot);
  EXPECT_EQ(clusters.find("payments", 8080), cluster);
  clusters.apply(Snapshot{});
  EXPECT_TRUE(cluster->withdrawn());
  EXPECT_EQ(clusters.find("payments", 8080), nullptr);
}

TEST(Judge, AnAmbiguousPathIsBadWhereRulesLookAtPaths) {
  Snapshot snapshot;
  policy::Edge edge;
  edge.from = "checkout";
  edge.to = "payments";
  edge.port = {8080};
  const policy::Attempt attempt{"checkout", "payments", {8080}, Protocol::http, "GET", "/a//b"};
  EXPECT_TRUE(judge(snapshot, {&edge, 1}, attempt).allowed);
  policy::Permission permission;
  permission.path = *manifest::PathPattern::parse("/a/*");
  edge.permissions = {permission};
  const Judgement judged = judge(snapshot, {&edge, 1}, attempt);
  EXPECT_FALSE(judged.allowed);
  EXPECT_EQ(judged.refusal->cause, RefusalCause::ambiguous_path);
}

// Two programs could read two values: neither allows anything, and no deny rule is got around by adding one.
TEST(Judge, AFieldThatCameTwiceHasNoValueForACondition) {
  const auto when = [](std::string source) {
    return manifest::When{source, {"bulkhead.yaml", 3, 5}, *manifest::compile_when(source)};
  };
  const http::Fields once{{"X-Role", "staff"}};
  const http::Fields twice{{"X-Role", "staff"}, {"x-role", "guest"}};
  const http::Fields equal{{"X-Role", "staff"}, {"x-role", "staff"}};
  const auto allowed = [](const policy::Edge& edge, const http::Fields& fields) {
    const conditions::Value headers = headers_of(fields);
    return judge({}, {&edge, 1}, {"checkout", "payments", {8080}, Protocol::http, "GET", "/a", &headers}).allowed;
  };
  policy::Edge edge{.from = "checkout", .to = "payments", .port = {8080}};
  edge.when.emplace(when(R"(request.headers["x-role"] == "staff")"));
  EXPECT_TRUE(allowed(edge, once));
  EXPECT_FALSE(allowed(edge, twice));
  EXPECT_FALSE(allowed(edge, equal));
  policy::Edge closed{.from = "checkout", .to = "payments", .port = {8080}};
  closed.denies.push_back({.id = "deny.guests"});
  closed.denies.back().when.emplace(when(R"(request.headers["x-role"] == "guest")"));
  EXPECT_TRUE(allowed(closed, once));
  EXPECT_FALSE(allowed(closed, twice));
  EXPECT_FALSE(allowed(closed, equal));
}

TEST(Judge, ADenialByARuleNamesItsLineAndWhatWouldAllowIt) {
  Snapshot snapshot;
  snapshot.hints.manifest = "bulkhead.yaml";
  snapshot.hints.services = {{"checkout", "", 5, ""}};
  policy::Edge edge{.from = "checkout", .to = "payments", .port = {8080}, .id = "checkout.calls.payments"};
  edge.denies.push_back({.id = "deny.closed", .position = {"policy.yaml", 3, 5}});
  for (const bool audited : {false, true}) {
    edge.audited = audited;
    const Judgement judged =
        judge(snapshot, {&edge, 1}, {"checkout", "payments", {8080}, Protocol::http, "GET", "/charges"});
    EXPECT_EQ(judged.allowed, audited);
    EXPECT_TRUE(judged.by_condition) << "a stranger is told 403, as something is there";
    ASSERT_TRUE(judged.refusal);
    EXPECT_EQ(judged.refusal->rule, "deny.closed");
    EXPECT_EQ(judged.refusal->rule_at, "policy.yaml:3:5");
    EXPECT_EQ(judged.refusal->where, "policy.yaml:3");
    EXPECT_EQ(judged.refusal->allow, R"(when: '!(request.method == "GET" && request.path == "/charges")')");
  }
}

TEST(Judge, ADenialNamesWhereTheCallerIsDeclaredAndWhoOwnsTheCallee) {
  Snapshot snapshot;
  snapshot.hints = {"bulkhead.yaml",
                    {{"checkout", "", 12}, {"payments", "team-money", 40}, {"pay-api", "", 7, "payments.yaml"}}};
  EXPECT_EQ(judge(snapshot, {}, {"pay-api", "payments", {8080}, Protocol::http, "GET", "/a"}).refusal->where,
            "payments.yaml:7");
  const policy::Attempt attempt{"checkout", "payments", {8080}, Protocol::http, "GET", "/a"};
  const Judgement judged = judge(snapshot, {}, attempt);
  ASSERT_FALSE(judged.allowed);
  EXPECT_EQ(judged.refusal->where, "bulkhead.yaml:12");
  EXPECT_EQ(judged.refusal->owner, "team-money");
  EXPECT_EQ(judged.refusal->allow, "calls: {payments: [GET /a]}");
}

TEST(Hello, IsReadWithItsDescriptors) {
  net::Frame frame;
  frame.payload = R"({"type":"hello","instance":"a-1","app":"shop","service":"a","role":"sidecar",
    "trust_domain":"t","controller_socket":"/c","inner":"unix:/i","records":"/r","fds":["door4"],"more":1})";
  frame.fds.emplace_back(::dup(0));
  const auto hello = parse_hello(std::move(frame));
  ASSERT_TRUE(hello.has_value()) << hello.error().message;
  EXPECT_EQ(hello->instance, "a-1");
  EXPECT_TRUE(hello->fds.contains("door4"));
}

TEST(Hello, WithoutWhatItNeedsIsRefused) {
  for (const char* text : {"", "{}", R"({"type":"drain"})", R"({"type":"hello","role":"sidecar"})",
                           R"({"type":"hello","instance":"a","app":"s","service":"a","role":"root","trust_domain":"t",
                              "controller_socket":"/c"})",
                           R"({"type":"hello","instance":"a","app":"s","service":"a","role":"sidecar",
                              "trust_domain":"t","controller_socket":"/c","fds":["door4"]})"}) {
    net::Frame frame;
    frame.payload = text;
    EXPECT_FALSE(parse_hello(std::move(frame)).has_value()) << text;
  }
}

}  // namespace
}  // namespace bulkhead::proxy
