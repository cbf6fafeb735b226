#include <gtest/gtest.h>

#include "proxy/mesh_harness.hpp"

namespace bulkhead::proxy::testing {
namespace {

using nlohmann::json;

class Mesh : public MeshFixture {};

net::Task<> greet(ServerExchange& exchange) {
  const std::string target = exchange.request().target;
  co_await reply_text(exchange, 200, "payments says " + target);
}

TEST_F(Mesh, ADeclaredCallGoesThroughBothSidecars) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  http::Fields seen;
  service(payments, 8080, [&](ServerExchange& exchange) {
    seen = exchange.request().fields;
    return greet(exchange);
  });
  loop_.run([&]() -> net::Task<> {
    co_await start(checkout, payments, declare(checkout, payments, Protocol::http, {"GET /charges/*"}));
    Client client(loop_, checkout.door());
    http::Request request = request_of("GET", "/charges/7?card=1");
    request.fields.add("x-bulkhead-port", "9999");
    request.fields.add("X-Forwarded-Client-Cert", "Hash=1");
    const auto reply = co_await client.send(request);
    EXPECT_TRUE(reply.has_value());
    if (!reply) co_return;
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->body, "payments says /charges/7?card=1");
    EXPECT_FALSE(reply->fields.has("x-bulkhead-refusal"));
  }());
  EXPECT_FALSE(seen.has("x-bulkhead-port"));
  EXPECT_FALSE(seen.has("x-forwarded-client-cert"));
  EXPECT_TRUE(telemetry::parse_traceparent(std::string(seen.find("traceparent").value_or(""))).has_value());
  EXPECT_TRUE(seen.has("x-request-id"));
}

TEST_F(Mesh, AnUndeclaredRequestIsRefusedWithTheLineThatWouldAllowIt) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  loop_.run([&]() -> net::Task<> {
    co_await start(checkout, payments, declare(checkout, payments, Protocol::http, {"GET /charges/*"}));
    Client client(loop_, checkout.door());
    const auto reply = co_await client.send(request_of("POST", "/refunds"));
    EXPECT_TRUE(reply.has_value());
    if (!reply) co_return;
    EXPECT_EQ(reply->status, 403);
    const json body = json::parse(reply->body);
    EXPECT_EQ(body["caller"], "checkout");
    EXPECT_EQ(body["callee"], "payments");
    EXPECT_EQ(body["method"], "POST");
    EXPECT_EQ(body["path"], "/refunds");
    EXPECT_EQ(body["allow"], "calls: {payments: [POST /refunds]}");
    const auto ambiguous = co_await client.get("/charges/..%2frefunds");
    EXPECT_TRUE(ambiguous && ambiguous->status == 400);
  }());
}

TEST_F(Mesh, TheCalleeDeniesWhatAFaultyCallerLetsThrough) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    pair.callee.inbound.edges = {call("checkout", "payments", 8080, Protocol::http, {"GET /charges/*"})};
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door());
    const auto reply = co_await client.send(request_of("POST", "/refunds"));
    EXPECT_TRUE(reply.has_value());
    if (!reply) co_return;
    EXPECT_EQ(reply->status, 403);
    const json body = json::parse(reply->body);
    EXPECT_EQ(body["caller"], "checkout");
    EXPECT_EQ(body["allow"], "calls: {payments: [POST /refunds]}");
    EXPECT_FALSE(reply->fields.has("x-bulkhead-refusal"));
    payments.sidecar().core().journal.flush();
  }());
  EXPECT_NE(payments.records().find("\"type\":\"denied\""), std::string::npos);
}

TEST_F(Mesh, WhatIsLearnedIsCountedWithItsLineAndHasOneRecordOfEachKind) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  service(payments, 8080, [](ServerExchange& exchange) { return reply_text(exchange, 200, "paid"); });
  json stats;
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    policy::Edge learned = call("checkout", "payments", 8080, Protocol::http);
    learned.learned = policy::Edge::Learned::whole;
    learned.id = "checkout.learn.payments";
    pair.callee.inbound.edges = {learned};
    pair.caller.upstreams[0].edge = learned;
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door());
    for (const char* path : {"/charges?card=4111", "/charges?card=4112", "/refunds"}) {
      const auto reply = co_await client.send(request_of("POST", path));
      EXPECT_TRUE(reply && reply->status == 200) << path;
    }
    const auto ambiguous = co_await client.get("/charges/..%2frefunds");
    EXPECT_TRUE(ambiguous && ambiguous->status == 400);
    stats = payments.sidecar().core().journal.stats();
    payments.sidecar().core().journal.flush();
    EXPECT_TRUE(checkout.sidecar().core().journal.stats()["learned"].empty()) << "the callee counts";
  }());
  ASSERT_EQ(stats["learned"].size(), 2U) << stats.dump();
  EXPECT_TRUE(stats["denied"].empty()) << stats["denied"].dump();
  const json& charges = stats["learned"][0];
  EXPECT_EQ(charges["allow"], "calls: {payments: [POST /charges]}");
  EXPECT_EQ(charges["count"], 2);
  EXPECT_EQ(charges["reason"], "would be denied");
  std::istringstream lines(payments.records());
  std::string actions;
  for (std::string line; std::getline(lines, line);)
    if (const json record = json::parse(line); record.value("verdict", "") == "learned")
      actions += record["action"].get<std::string>() + " by " + record["rule"].get<std::string>() + "\n";
  EXPECT_EQ(actions, "POST /charges by checkout.learn.payments\nPOST /refunds by checkout.learn.payments\n");
}

TEST_F(Mesh, APortThatTheCalleeDoesNotServeIsDeniedAndNotCountedByItsNumber) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    pair.callee.inbound.ports = {{9090, Protocol::http}};
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door());
    const auto reply = co_await client.get("/");
    EXPECT_TRUE(reply && reply->status == 403);
    for (const auto& [key, counts] : payments.sidecar().core().journal.edges().all()) EXPECT_EQ(key.port, 0);
  }());
}

TEST_F(Mesh, BodiesGoBothWaysWhole) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  service(payments, 8080, [](ServerExchange& exchange) -> net::Task<> {
    const std::string body = co_await read_request_body(exchange);
    co_await reply_text(exchange, 201, body + body);
  });
  loop_.run([&]() -> net::Task<> {
    co_await start(checkout, payments, declare(checkout, payments, Protocol::http));
    Client client(loop_, checkout.door());
    for (const std::size_t size : {std::size_t{1}, std::size_t{70'000}, std::size_t{3'000'000}}) {
      const std::string body(size, 'b');
      const auto reply = co_await client.send(request_of("POST", "/charges"), body);
      EXPECT_TRUE(reply.has_value());
      if (!reply) co_return;
      EXPECT_EQ(reply->status, 201);
      EXPECT_EQ(reply->body, body + body);
    }
  }());
}

TEST_F(Mesh, ARequestWaitsUntilAnInstanceIsReady) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  service(payments, 8080, greet);
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    pair.caller.upstreams[0].endpoints[0].ready = false;
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door());
    net::Gate gate(loop_);
    std::uint16_t status = 0;
    gate.spawn([](Client& user, std::uint16_t& result) -> net::Task<> {
      const auto reply = co_await user.get("/");
      if (reply) result = reply->status;
    }(client, status));
    const ClusterPtr cluster = checkout.sidecar().core().clusters.find("payments", 8080);
    co_await controller_->until([&] { return cluster->held() == 1; });
    EXPECT_EQ(status, 0);
    pair.caller.upstreams[0].endpoints[0].ready = true;
    controller_->set_snapshot(pair.caller);
    co_await gate.close();
    EXPECT_EQ(status, 200);
  }());
}

TEST_F(Mesh, WithoutAReadyInstanceTheHoldEndsIn503WithItsCause) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    pair.caller.upstreams[0].endpoints.clear();
    pair.caller.inbound.limits.hold_ms = 30;
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door());
    const auto reply = co_await client.get("/");
    EXPECT_TRUE(reply.has_value());
    if (!reply) co_return;
    EXPECT_EQ(reply->status, 503);
    EXPECT_EQ(json::parse(reply->body)["error"], "no_ready_instance");
    EXPECT_TRUE(reply->fields.find("proxy-status").value_or("").find("destination_unavailable") != std::string::npos);
  }());
}

TEST_F(Mesh, ADeadEndpointIsLeftForAnotherWithoutAnError) {
  Node& checkout = node("checkout", "checkout-1");
  Node& first = node("payments", "payments-1");
  Node& second = node("payments", "payments-2");
  service(first, 8080, greet);
  service(second, 8080, greet);
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, first, Protocol::http);
    pair.caller.upstreams[0].endpoints.push_back({second.instance(), second.inner(), true});
    Snapshot other = pair.callee;
    other.instance = second.instance();
    controller_->set_snapshot(other);
    second.start();
    co_await start(checkout, first, pair);
    co_await controller_->until([&] { return second.said("ready"); });
    Client client(loop_, checkout.door());
    for (int i = 0; i < 20; ++i) {
      if (i == 10) first.kill();
      const auto reply = co_await client.get("/");
      EXPECT_TRUE(reply && reply->status == 200) << i;
    }
  }());
}

TEST_F(Mesh, AServiceThatRefusesIsTriedElsewhere) {
  Node& checkout = node("checkout", "checkout-1");
  Node& first = node("payments", "payments-1");
  Node& second = node("payments", "payments-2");
  service(second, 8080, greet);
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, first, Protocol::http);
    pair.caller.upstreams[0].endpoints.push_back({second.instance(), second.inner(), true});
    Snapshot other = pair.callee;
    other.instance = second.instance();
    controller_->set_snapshot(other);
    second.start();
    co_await start(checkout, first, pair);
    co_await controller_->until([&] { return second.said("ready"); });
    Client client(loop_, checkout.door());
    for (int i = 0; i < 8; ++i) {
      const auto reply = co_await client.send(request_of("POST", "/"), "not idempotent");
      EXPECT_TRUE(reply && reply->status == 200) << i;
    }
  }());
}

TEST_F(Mesh, AWithdrawnRuleEndsAStreamThatIsOpen) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  net::Event never(loop_);
  service(payments, 8080, [&](ServerExchange& exchange) -> net::Task<> {
    http::Response head;
    head.body = true;
    const auto sent = co_await exchange.send_head(std::move(head), false);
    if (!sent) co_return;
    const auto begun = co_await exchange.send_body("begun", false, net::Deadline::never());
    if (!begun) co_return;
    exchange.on_gone([&] { never.set(); });
    static_cast<void>(co_await never.wait(net::Deadline::never()));
    exchange.on_gone({});
  });
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door());
    auto exchange = co_await client.open();
    EXPECT_TRUE(exchange.has_value());
    if (!exchange) co_return;
    const auto deadline = loop_.in(std::chrono::seconds(20));
    const http::Request request = request_of("GET", "/events");
    EXPECT_TRUE((co_await (*exchange)->send_head(request, true, deadline)).has_value());
    const auto head = co_await (*exchange)->read_head(deadline);
    EXPECT_TRUE(head && head->status == 200);
    const auto part = co_await (*exchange)->read_body(deadline);
    EXPECT_TRUE(part && part->data == "begun");
    // An equal snapshot, and one that changes something else, leave it alone.
    controller_->set_snapshot(pair.callee);
    pair.callee.inbound.edges.push_back(call("search", "payments", 8080, Protocol::http));
    controller_->set_snapshot(pair.callee);
    co_await controller_->until_applied(payments.instance());
    pair.callee.inbound.edges.erase(pair.callee.inbound.edges.begin());
    controller_->set_snapshot(pair.callee);
    const auto after = co_await (*exchange)->read_body(deadline);
    EXPECT_FALSE(after.has_value());
    const auto again = co_await client.get("/events");
    EXPECT_TRUE(again && again->status == 403);
  }());
}

}  // namespace
}  // namespace bulkhead::proxy::testing
