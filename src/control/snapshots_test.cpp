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
    Desired desired;
    desired.file = "bulkhead.yaml";
    desired.text = kManifest;
    auto result = load(desired);
    EXPECT_TRUE(result) << (result ? "" : manifest::render(result.error().mistakes));
    loaded = std::move(*result);
    registry.put({"payments-1", "payments", "unix:/d/p1", true});
    registry.put({"payments-2", "payments", "unix:/d/p2", false});
    registry.put({"aside-1", "aside", "unix:/d/a1", true});
  }
  proxy::Snapshot of(const std::string& service) {
    return sidecar_snapshot(loaded.application, loaded.model, registry, *loaded.application.service(service),
                            service + "-1");
  }
  Loaded loaded;
  discovery::Registry registry;
};

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

TEST_F(SnapshotsTest, TheGatewayIsToldItsRoutesAndServesTls) {
  const auto snapshot =
      gateway_snapshot(loaded.application, loaded.model, registry, "_gateway-1", {{"localhost"}, "CHAIN", "KEY"});
  ASSERT_EQ(snapshot.gateway.routes.size(), 1U);
  EXPECT_EQ(snapshot.gateway.routes[0].path, "/api/checkout/*");
  EXPECT_EQ(snapshot.gateway.routes[0].rewrite, "/");
  EXPECT_EQ(snapshot.upstreams.at(snapshot.gateway.routes[0].upstream).service, "checkout");
  EXPECT_TRUE(snapshot.gateway.listeners.at(0).tls);
  EXPECT_EQ(of("checkout").inbound.edges.at(0).from, policy::kGateway);
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
