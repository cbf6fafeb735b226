#include <gtest/gtest.h>

#include "discovery/dns.hpp"
#include "proxy/mesh_harness.hpp"

namespace bulkhead::proxy::testing {
namespace {

using nlohmann::json;

class MeshLife : public MeshFixture {};

net::Task<> greet(ServerExchange& exchange) {
  const std::string target = exchange.request().target;
  co_await reply_text(exchange, 200, "payments says " + target);
}

TEST_F(MeshLife, WithoutItsControllerASidecarServesOnAndFindsItAgain) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  service(payments, 8080, greet);
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    co_await start(checkout, payments, pair);
    controller_->refuse_connections(true);
    controller_->drop(checkout.instance());
    controller_->drop(payments.instance());
    Client client(loop_, checkout.door());
    for (int i = 0; i < 3; ++i) {
      const auto reply = co_await client.get("/");
      EXPECT_TRUE(reply && reply->status == 200);
    }
    controller_->refuse_connections(false);
    pair.caller.upstreams[0].edge = call("checkout", "payments", 8080, Protocol::http, {"GET /only"});
    controller_->forget(checkout.instance());
    controller_->set_snapshot(pair.caller);
    co_await controller_->until_applied(checkout.instance());
    const auto denied = co_await client.get("/");
    EXPECT_TRUE(denied && denied->status == 403);
  }());
}

TEST_F(MeshLife, ReadinessOfTheServiceIsToldToTheController) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    pair.callee.health.interval_ms = 10;
    pair.callee.health.retries = 2;
    co_await start(checkout, payments, pair);
    FakeService& web = service(payments, 8080, greet);
    co_await controller_->until_ready(payments.instance());
    payments.compartment().refuse(8080);
    web.stop();
    co_await controller_->until([&] { return controller_->last(payments.instance(), "health")["state"] == "unready"; });
  }());
}

TEST_F(MeshLife, AGrpcServiceIsAskedByItsOwnHealthProtocol) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  std::string asked;
  service(payments, 8080, [&](ServerExchange& exchange) -> net::Task<> {
    asked = exchange.request().target;
    static_cast<void>(co_await read_request_body(exchange));
    http::Response head;
    head.body = true;
    head.fields.add("content-type", "application/grpc");
    const auto sent = co_await exchange.send_head(std::move(head), false);
    if (!sent) co_return;
    const std::string serving("\0\0\0\0\x02\x08\x01", 7);
    const auto written = co_await exchange.send_body(serving, false, net::Deadline::never());
    if (!written) co_return;
    static_cast<void>(co_await exchange.send_trailers({{"grpc-status", "0"}}));
  });
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::grpc);
    pair.callee.health.kind = HealthKind::grpc;
    pair.callee.health.guessed = false;
    pair.callee.health.path = "";
    co_await start(checkout, payments, pair);
    co_await controller_->until_ready(payments.instance());
  }());
  EXPECT_EQ(asked, "/grpc.health.v1.Health/Check");
}

TEST_F(MeshLife, DrainingFinishesWhatIsInFlightAndTakesNothingNew) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  net::Event release(loop_);
  bool arrived = false;
  service(payments, 8080, [&](ServerExchange& exchange) -> net::Task<> {
    if (exchange.request().target == "/slow") {
      arrived = true;
      static_cast<void>(co_await release.wait(net::Deadline::never()));
    }
    co_await reply_text(exchange, 200, "done");
  });
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    pair.caller.inbound.limits.hold_ms = 50;
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door());
    std::uint16_t status = 0;
    net::Gate gate(loop_);
    gate.spawn([](Client& user, std::uint16_t& result) -> net::Task<> {
      const auto reply = co_await user.get("/slow");
      if (reply) result = reply->status;
    }(client, status));
    co_await controller_->until([&] { return arrived; });
    payments.sidecar().drain();
    co_await controller_->until([&] { return controller_->last(payments.instance(), "health")["state"] == "unready"; });
    const auto late = co_await client.get("/");
    EXPECT_TRUE(late && late->status == 503);
    EXPECT_FALSE(payments.said("drained"));
    release.set();
    co_await gate.close();
    EXPECT_EQ(status, 200);
    co_await controller_->until([&] { return payments.said("drained"); });
    co_await payments.sidecar().finish();
    co_await checkout.sidecar().finish();
  }());
}

TEST_F(MeshLife, NumbersAndRefusalsAreToldWhenAsked) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  service(payments, 8080, greet);
  loop_.run([&]() -> net::Task<> {
    co_await start(checkout, payments, declare(checkout, payments, Protocol::http, {"GET /ok"}));
    Client client(loop_, checkout.door());
    for (int i = 0; i < 3; ++i) static_cast<void>(co_await client.get("/ok"));
    static_cast<void>(co_await client.get("/forbidden?secret=1"));
    controller_->ask(checkout.instance(), {{"type", "stats?"}});
    co_await controller_->until([&] {
      const json& stats = controller_->last(checkout.instance(), "stats");
      return stats.is_object() && !stats["denied"].empty() && stats["edges"][0]["requests"] == 4;
    });
    const json& stats = controller_->last(checkout.instance(), "stats");
    EXPECT_EQ(stats["edges"][0]["from"], "checkout");
    EXPECT_EQ(stats["edges"][0]["to"], "payments");
    EXPECT_EQ(stats["edges"][0]["classes"][2], 3);
    EXPECT_EQ(stats["denied"][0]["path"], "/forbidden");
    EXPECT_GT(stats["identity"]["seconds_left"], 3000);
    checkout.sidecar().core().journal.flush();
  }());
  const std::string records = checkout.records();
  EXPECT_NE(records.find("\"type\":\"span\""), std::string::npos);
  EXPECT_NE(records.find("\"type\":\"denied\""), std::string::npos);
  EXPECT_EQ(records.find("secret"), std::string::npos);
}

TEST_F(MeshLife, ASnapshotForSomebodyElseIsRejectedAndChangesNothing) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  service(payments, 8080, greet);
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    co_await start(checkout, payments, pair);
    const json foreign{{"type", "snapshot"}, {"hash", content_hash(pair.callee)}, {"snapshot", to_json(pair.callee)}};
    controller_->ask(checkout.instance(), foreign);
    co_await controller_->until([&] { return controller_->last(checkout.instance(), "rejected").is_object(); });
    json forged = to_json(pair.caller);
    forged["names"] = json::parse(R"([{"name":"x","address":"198.18.1.9"}])");
    controller_->ask(checkout.instance(), {{"type", "snapshot"}, {"hash", "sha256:00"}, {"snapshot", forged}});
    co_await controller_->until(
        [&] { return controller_->last(checkout.instance(), "rejected")["hash"] == "sha256:00"; });
    Client client(loop_, checkout.door());
    const auto reply = co_await client.get("/");
    EXPECT_TRUE(reply && reply->status == 200);
  }());
}

TEST_F(MeshLife, ARenewedCertificateTakesOverWithoutAnError) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  service(payments, 8080, greet);
  loop_.run([&]() -> net::Task<> {
    co_await start(checkout, payments, declare(checkout, payments, Protocol::http));
    Client client(loop_, checkout.door());
    EXPECT_TRUE((co_await client.get("/")).has_value());
    for (Node* each : {&checkout, &payments}) {
      const auto before = each->sidecar().core().credentials.server();
      controller_->resign(each->instance(), *each->sidecar().core().credentials.make_request());
      co_await controller_->until([&] { return each->sidecar().core().credentials.server() != before; });
      const auto reply = co_await client.get("/");
      EXPECT_TRUE(reply && reply->status == 200);
    }
  }());
}

TEST_F(MeshLife, DeclaredNamesResolveAndOthersAreRecorded) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    pair.caller.names = {{"payments", "198.18.1.1"}};
    co_await start(checkout, payments, pair);
    DnsResponder dns(checkout.sidecar().core());
    const std::string query("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x08payments\x00\x00\x01\x00\x01", 26);
    const std::string answer = dns.answer(query, true);
    EXPECT_NE(answer.find(std::string("\xc6\x12\x01\x01", 4)), std::string::npos);
    std::string other = query;
    other.replace(13, 8, "database");
    const std::string unknown = dns.answer(other, true);
    EXPECT_EQ(unknown[3] & 0x0f, 3);
    checkout.sidecar().core().journal.flush();
  }());
  EXPECT_NE(checkout.records().find("calls: {database: }"), std::string::npos);
}

}  // namespace
}  // namespace bulkhead::proxy::testing
