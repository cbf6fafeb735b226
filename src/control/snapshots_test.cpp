#include "control/snapshots.hpp"

#include <algorithm>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "control/desired.hpp"

namespace bulkhead::control {
namespace {

constexpr std::string_view kManifest = R"(
app: shop
services:
  checkout:
    command: [/usr/bin/true]
    port: 8080
    owner: team-money
    calls:
      payments: [POST /charges]
      ledger: {at: "localhost:4001"}
    egress: {mail: "https://api.mail.example"}
  payments:
    command: [/usr/bin/true]
    port: 9000
    healthcheck: {path: /healthz}
  ledger:
    command: [/usr/bin/true]
    port: 5432
    protocol: tcp
  aside:
    command: [/usr/bin/true]
    port: 8080
gateway:
  listen: 127.0.0.1:8443
  routes:
    - {match: {path: /api/checkout/*}, to: checkout, rewrite: /}
)";

class SnapshotsTest : public testing::Test {
 protected:
  SnapshotsTest() {
    declare(kManifest);
    registry.put({"payments-1", "payments", "unix:/d/p1", true});
    registry.put({"payments-2", "payments", "unix:/d/p2", false});
    registry.put({"aside-1", "aside", "unix:/d/a1", true});
  }
  void declare(std::string_view text) {
    Desired desired;
    desired.file = "bulkhead.yaml";
    desired.text = text;
    auto result = load(desired);
    ASSERT_TRUE(result) << (result ? "" : manifest::render(result.error().mistakes));
    loaded = std::move(*result);
  }
  proxy::Snapshot of(const std::string& service) {
    return sidecar_snapshot(loaded.application, loaded.model, registry, *loaded.application.service(service),
                            service + "-1", {});
  }
  Loaded loaded;
  discovery::Registry registry;
};

TEST_F(SnapshotsTest, HasMarksOfItsOwnSecretsAndOfItsCallersAlone) {
  const ServiceMarks marks = {{"aside", "A"}, {"checkout", "C"}, {"payments", "P"}};
  proxy::Snapshot payments = of("payments"), checkout = of("checkout");
  add_secret_marks(payments, marks);
  add_secret_marks(checkout, marks);
  EXPECT_EQ(payments.secret_marks, (std::vector<std::string>{"C", "P"}));
  EXPECT_EQ(checkout.secret_marks, (std::vector<std::string>{"C"}));
  proxy::Snapshot gateway =
      gateway_snapshot(loaded.application, loaded.model, registry, "_gateway-1", {{"localhost"}, "CHAIN", "KEY"}, {});
  add_secret_marks(gateway, marks);
  EXPECT_EQ(gateway.secret_marks, (std::vector<std::string>{"C"}));
}

TEST_F(SnapshotsTest, HoldsWhatTheIdentityMayCallWithItsEndpointsAndNothingElse) {
  const proxy::Snapshot snapshot = of("checkout");
  EXPECT_EQ(snapshot.spiffe_id, "spiffe://shop.bulkhead/shop/checkout");
  ASSERT_EQ(snapshot.upstreams.size(), 2U);
  const auto payments = std::ranges::find(snapshot.upstreams, "payments", &proxy::Upstream::service);
  ASSERT_NE(payments, snapshot.upstreams.end());
  EXPECT_EQ(payments->spiffe_id, "spiffe://shop.bulkhead/shop/payments");
  ASSERT_EQ(payments->endpoints.size(), 2U);
  EXPECT_TRUE(payments->endpoints[0].ready);
  EXPECT_FALSE(payments->endpoints[1].ready);
  EXPECT_EQ(proxy::to_json(snapshot).dump().find("aside"), std::string::npos)
      << "a sidecar is told only of what it needs";
}

TEST_F(SnapshotsTest, EveryDoorLeadsSomewhereAndTheWiredOneIsOnLoopback) {
  const proxy::Snapshot snapshot = of("checkout");
  bool wired = false;
  for (const proxy::Door& door : snapshot.doors) {
    EXPECT_LT(door.index, door.kind == proxy::DoorKind::egress ? snapshot.egress.size() : snapshot.upstreams.size());
    wired = wired || (door.address == "127.0.0.1" && door.port == 4001);
  }
  EXPECT_TRUE(wired);
  ASSERT_EQ(snapshot.egress.size(), 1U);
  EXPECT_EQ(snapshot.egress[0].host, "api.mail.example");
  EXPECT_FALSE(snapshot.egress[0].allow_private);
}

TEST_F(SnapshotsTest, TheCalleeIsToldWhoMayCallIt) {
  const proxy::Snapshot snapshot = of("payments");
  ASSERT_EQ(snapshot.inbound.edges.size(), 1U);
  EXPECT_EQ(snapshot.inbound.edges[0].from, "checkout");
  EXPECT_EQ(snapshot.health.path, "/healthz");
  EXPECT_TRUE(of("aside").inbound.edges.empty());
}

TEST_F(SnapshotsTest, WhatIsLearnedIsACallWithoutSettings) {
  declare("mode: learn" + std::string(kManifest));
  const proxy::Snapshot snapshot = of("ledger");
  EXPECT_EQ(of("aside").inbound.edges.size(), 3U);
  ASSERT_EQ(snapshot.upstreams.size(), 3U);
  for (const proxy::Upstream& upstream : snapshot.upstreams) {
    EXPECT_EQ(upstream.resilience, manifest::Resilience{});
    EXPECT_EQ(upstream.edge.learned, policy::Edge::Learned::whole);
  }
  const auto read = proxy::snapshot_from_json(proxy::to_json(snapshot));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, snapshot);
}

TEST_F(SnapshotsTest, AHintNamesTheFileInWhichAServiceIsDeclared) {
  for (manifest::Service& service : loaded.application.services)
    if (service.name == "checkout") service.position = {"more.yaml", 3, 3};
  for (const proxy::ServiceHint& hint : of("payments").hints.services)
    EXPECT_EQ(hint.file, hint.service == "checkout" ? "more.yaml" : "") << hint.service;
}

TEST_F(SnapshotsTest, TheGatewayIsToldItsRoutesAndServesTls) {
  const auto snapshot =
      gateway_snapshot(loaded.application, loaded.model, registry, "_gateway-1", {{"localhost"}, "CHAIN", "KEY"}, {});
  ASSERT_EQ(snapshot.gateway.routes.size(), 1U);
  EXPECT_EQ(snapshot.gateway.routes[0].path, "/api/checkout/*");
  EXPECT_EQ(snapshot.gateway.routes[0].rewrite, "/");
  EXPECT_EQ(snapshot.upstreams.at(snapshot.gateway.routes[0].upstream).service, "checkout");
  EXPECT_TRUE(snapshot.gateway.listeners.at(0).tls);
  EXPECT_EQ(of("checkout").inbound.edges.at(0).from, policy::kGateway);
}

constexpr std::string_view kResilient = R"(
app: shop
services:
  checkout:
    command: [/usr/bin/true]
    port: 8080
    concurrency: {max: 8, per_caller: 2, queue: 0}
    calls:
      payments: {timeout: 2s, split: [{to: aside, share: 10%}], fallback: {to: "aside:9000"}}
      aside: {retries: off}
  payments: {command: [/usr/bin/true], port: 9000}
  aside: {command: [/usr/bin/true], ports: [9000, 9001]}
gateway:
  tls: off
  routes:
    - match: {path: /pay/*}
      to: payments
      rewrite: /
      timeout: 3s
      faults: [{abort: 503, share: 1%}]
      split: [{to: aside, share: 20%}, {to: "aside:9001", headers: {x-canary: "1"}}]
      fallback: {to: checkout}
    - {match: {path: /aside/*}, to: payments, split: [{to: aside, share: 1%}]}
)";

TEST_F(SnapshotsTest, TellsACallsResilienceAndTheServicesConcurrency) {
  declare(kResilient);
  const proxy::Snapshot snapshot = of("checkout");
  EXPECT_EQ(snapshot.inbound.concurrency, (manifest::Concurrency{8, 2, 0}));
  for (const proxy::Upstream& upstream : snapshot.upstreams)
    EXPECT_EQ(upstream.resilience, loaded.application.service("checkout")->call(upstream.service)->resilience);
  const auto payments = std::ranges::find(snapshot.upstreams, "payments", &proxy::Upstream::service);
  ASSERT_NE(payments, snapshot.upstreams.end());
  EXPECT_EQ(payments->resilience.timeout, manifest::Duration(2000));
  const auto read = proxy::parse_snapshot(proxy::to_json(snapshot).dump());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, snapshot);
}

TEST_F(SnapshotsTest, GivesTheGatewayAnUpstreamForEachPlaceThatARouteMayLeadTo) {
  declare(kResilient);
  const auto snapshot = gateway_snapshot(loaded.application, loaded.model, registry, "_gateway-1", {}, {});
  std::string all;
  for (const proxy::Upstream& upstream : snapshot.upstreams) {
    all += fmt::format("{} {}:{} {}ms {} {} {} {} endpoints\n", upstream.edge.id, upstream.service, upstream.port,
                       upstream.resilience.timeout.count(), upstream.resilience.split.size(),
                       upstream.resilience.faults.size(), upstream.resilience.fallback ? "fallback" : "-",
                       upstream.endpoints.size());
  }
  EXPECT_EQ(all,
            "gateway.routes[0] payments:9000 3000ms 2 1 fallback 2 endpoints\n"
            "gateway.routes[0].split[0] aside:9000 3000ms 0 0 - 1 endpoints\n"
            "gateway.routes[0].split[1] aside:9001 3000ms 0 0 - 1 endpoints\n"
            "gateway.routes[0].fallback checkout:8080 3000ms 0 0 - 0 endpoints\n"
            "gateway.routes[1] payments:9000 0ms 1 0 - 2 endpoints\n"
            "gateway.routes[1].split[0] aside:9000 0ms 0 0 - 1 endpoints\n");
  ASSERT_EQ(snapshot.gateway.routes.size(), 2U);
  EXPECT_EQ(snapshot.gateway.routes[0].upstream, 0U);
  EXPECT_EQ(snapshot.gateway.routes[1].upstream, 4U);
  EXPECT_EQ(proxy::detour(snapshot, 4, "aside", 9000), 5U);
  const auto read = proxy::parse_snapshot(proxy::to_json(snapshot).dump());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, snapshot);
  EXPECT_EQ(proxy::content_hash(*read), proxy::content_hash(snapshot));
}

TEST_F(SnapshotsTest, EqualInputIsAnEqualHashAndAChangedEndpointIsNot) {
  const std::string before = proxy::content_hash(of("checkout"));
  EXPECT_EQ(proxy::content_hash(of("checkout")), before);
  registry.set_ready("payments-2", true);
  EXPECT_NE(proxy::content_hash(of("checkout")), before);
}

TEST_F(SnapshotsTest, WhatIsBuiltIsReadBackWhole) {
  for (const auto& service : loaded.application.services) {
    const proxy::Snapshot snapshot = of(service.name);
    const auto read = proxy::parse_snapshot(proxy::to_json(snapshot).dump());
    ASSERT_TRUE(read) << service.name << ": " << read.error().message;
    EXPECT_EQ(*read, snapshot) << service.name;
  }
}

}  // namespace
}  // namespace bulkhead::control
