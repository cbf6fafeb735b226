#include <gtest/gtest.h>

#include "http/grpc.hpp"
#include "proxy/mesh_harness.hpp"

namespace bulkhead::proxy::testing {
namespace {

class MeshProtocols : public MeshFixture {
 protected:
  net::Deadline soon() const { return loop_.in(std::chrono::seconds(20)); }
};

// Answers each part of a stream at once, and its end with a status in the trailers.
net::Task<> grpc_echo(ServerExchange& exchange) {
  http::Response head;
  head.body = true;
  head.fields.add("content-type", "application/grpc");
  const auto sent = co_await exchange.send_head(std::move(head), false);
  if (!sent) co_return;
  while (true) {
    const auto part = co_await exchange.read_body(net::Deadline::never());
    if (!part) co_return;
    if (!part->data.empty()) {
      const auto echoed = co_await exchange.send_body(part->data, false, net::Deadline::never());
      if (!echoed) co_return;
    }
    if (part->end) break;
  }
  http::Fields trailers{{"grpc-status", "0"}, {"x-last", "word"}};
  static_cast<void>(co_await exchange.send_trailers(std::move(trailers)));
}

TEST_F(MeshProtocols, GrpcStreamsBothWaysAndKeepsItsTrailers) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  service(payments, 8080, grpc_echo);
  loop_.run([&]() -> net::Task<> {
    co_await start(checkout, payments, declare(checkout, payments, Protocol::grpc, {"shop.Payments/Charge"}));
    Client client(loop_, checkout.door(), UpstreamProtocol::http2);
    auto exchange = co_await client.open();
    EXPECT_TRUE(exchange.has_value());
    if (!exchange) co_return;
    http::Request request = grpc_request("/shop.Payments/Charge");
    request.body = true;
    EXPECT_TRUE((co_await (*exchange)->send_head(request, false, soon())).has_value());
    EXPECT_TRUE((co_await (*exchange)->send_body("one", false, soon())).has_value());
    const auto head = co_await (*exchange)->read_head(soon());
    EXPECT_TRUE(head && head->status == 200);
    const auto first = co_await (*exchange)->read_body(soon());
    EXPECT_TRUE(first && first->data == "one");
    EXPECT_TRUE((co_await (*exchange)->send_body("two", true, soon())).has_value());
    std::string rest;
    bool end = false;
    while (!end) {
      const auto part = co_await (*exchange)->read_body(soon());
      EXPECT_TRUE(part.has_value());
      if (!part) co_return;
      rest.append(part->data);
      end = part->end;
    }
    EXPECT_EQ(rest, "two");
    EXPECT_EQ((*exchange)->trailers().find("grpc-status"), "0");
    EXPECT_EQ((*exchange)->trailers().find("x-last"), "word");
  }());
}

TEST_F(MeshProtocols, ADeniedGrpcMethodIsPermissionDeniedInTrailers) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::grpc, {"shop.Payments/Charge"});
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door(), UpstreamProtocol::http2);
    const auto reply = co_await client.send(grpc_request("/shop.Payments/Refund"));
    EXPECT_TRUE(reply.has_value());
    if (!reply) co_return;
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->fields.find("grpc-status"), "7");
    EXPECT_NE(reply->fields.find("grpc-message").value_or("").find("Refund"), std::string_view::npos);
    // The same at the callee, when the caller's side lets it through.
    pair.caller.upstreams[0].edge = call("checkout", "payments", 8080, Protocol::grpc);
    controller_->set_snapshot(pair.caller);
    co_await controller_->until_applied(checkout.instance());
    const auto far = co_await client.send(grpc_request("/shop.Payments/Refund"));
    EXPECT_TRUE(far && far->fields.find("grpc-status") == "7");
  }());
}

TEST_F(MeshProtocols, GrpcWithoutAnInstanceIsUnavailable) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::grpc);
    pair.caller.upstreams[0].endpoints.clear();
    pair.caller.inbound.limits.hold_ms = 20;
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door(), UpstreamProtocol::http2);
    const auto reply = co_await client.send(grpc_request("/shop.Payments/Charge"));
    EXPECT_TRUE(reply && reply->fields.find("grpc-status") == "14");
  }());
}

TEST_F(MeshProtocols, AWebSocketIsATunnelBothWays) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  service(payments, 8080, [](ServerExchange& exchange) -> net::Task<> {
    if (exchange.request().protocol != "websocket") co_return co_await reply_text(exchange, 200, "plain");
    http::Response accepted;
    accepted.status = 101;
    const auto sent = co_await exchange.send_head(std::move(accepted), false);
    if (!sent) co_return;
    while (true) {
      const auto part = co_await exchange.read_body(net::Deadline::never());
      if (!part) co_return;
      const auto echoed = co_await exchange.send_body(part->data, part->end, net::Deadline::never());
      if (!echoed || part->end) co_return;
    }
  });
  loop_.run([&]() -> net::Task<> {
    co_await start(checkout, payments, declare(checkout, payments, Protocol::http, {"GET /feed"}));
    Client client(loop_, checkout.door());
    auto exchange = co_await client.open();
    EXPECT_TRUE(exchange.has_value());
    if (!exchange) co_return;
    http::Request request = request_of("GET", "/feed");
    request.protocol = "websocket";
    EXPECT_TRUE((co_await (*exchange)->send_head(request, false, soon())).has_value());
    const auto head = co_await (*exchange)->read_head(soon());
    EXPECT_TRUE(head.has_value());
    if (!head) co_return;
    EXPECT_EQ(head->status, 101);
    for (const std::string message : {"hello", "again"}) {
      EXPECT_TRUE((co_await (*exchange)->send_body(message, false, soon())).has_value());
      const auto part = co_await (*exchange)->read_body(soon());
      EXPECT_TRUE(part && part->data == message);
    }
    EXPECT_TRUE((co_await (*exchange)->send_body("", true, soon())).has_value());
    auto part = co_await (*exchange)->read_body(soon());
    EXPECT_TRUE(part && part->end);
  }());
}

// Counts what comes until the peer's end, then answers: only a kept half-close lets it.
net::Task<> count_bytes(net::Stream stream) {
  std::array<char, 4096> buffer{};
  std::size_t count = 0;
  while (true) {
    const auto read = co_await stream.read(buffer, net::Deadline::never());
    if (!read) co_return;
    if (*read == 0) break;
    count += *read;
  }
  const std::string answer = fmt::format("{} bytes", count);
  const auto written = co_await stream.write(answer, net::Deadline::never());
  if (written) co_await stream.shutdown_write(net::Deadline::never());
}

net::Task<Result<std::string>> converse(net::Loop& loop, net::Address address, std::string bytes) {
  const auto deadline = loop.in(std::chrono::seconds(20));
  auto stream = co_await net::connect(loop, address, deadline);
  if (!stream) co_return fail(std::move(stream.error()));
  const auto written = co_await stream->write(bytes, deadline);
  if (!written) co_return fail(written.error());
  const auto ended = co_await stream->shutdown_write(deadline);
  if (!ended) co_return fail(ended.error());
  std::string answer;
  std::array<char, 256> buffer{};
  while (true) {
    const auto read = co_await stream->read(buffer, deadline);
    if (!read) co_return fail(read.error());
    if (*read == 0) co_return answer;
    answer.append(buffer.data(), *read);
  }
}

TEST_F(MeshProtocols, RawTcpKeepsItsHalfClose) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  raw_service(payments, 8080, count_bytes);
  loop_.run([&]() -> net::Task<> {
    co_await start(checkout, payments, declare(checkout, payments, Protocol::tcp));
    const auto small = co_await converse(loop_, checkout.door(), "abc");
    EXPECT_TRUE(small && *small == "3 bytes");
    const auto large = co_await converse(loop_, checkout.door(), std::string(3'000'000, 'x'));
    EXPECT_TRUE(large && *large == "3000000 bytes");
  }());
}

TEST_F(MeshProtocols, RawTcpThatTheCalleeDeniesEndsWithAReset) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  FakeService& database = raw_service(payments, 8080, count_bytes);
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::tcp);
    pair.callee.inbound.edges.clear();
    // Without a check of its health nothing but the denied call could reach it.
    pair.callee.health = {};
    co_await start(checkout, payments, pair);
    const auto refused = co_await converse(loop_, checkout.door(), "abc");
    EXPECT_FALSE(refused.has_value());
  }());
  EXPECT_EQ(database.connections(), 0U);
}

TEST_F(MeshProtocols, RawTcpThatPassesOnlyAsItIsNotEnforcedIsRecorded) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  raw_service(payments, 8080, count_bytes);
  policy::Edge audited = call("checkout", "payments", 8080, Protocol::tcp);
  audited.audited = true;
  audited.denies.push_back({.id = "deny.closed", .position = {"bulkhead.yaml", 7, 5}});
  policy::Edge learned = call("checkout", "payments", 8080, Protocol::tcp);
  learned.learned = policy::Edge::Learned::whole;
  learned.id = "checkout.learn.payments";
  policy::Edge denied = learned;
  denied.denies = audited.denies;
  std::string reached;
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::tcp);
    co_await start(checkout, payments, pair);
    for (const policy::Edge& edge : {audited, learned, denied}) {
      pair.callee.inbound.edges = {edge};
      controller_->set_snapshot(pair.callee);
      const auto& config = payments.sidecar().core().config;
      co_await controller_->until([&] { return config->snapshot().inbound.edges == pair.callee.inbound.edges; });
      const auto answer = co_await converse(loop_, checkout.door(), "abc");
      reached += answer ? *answer + ";" : "reset;";
    }
    payments.sidecar().core().journal.flush();
  }());
  EXPECT_EQ(reached, "3 bytes;3 bytes;reset;");
  std::istringstream lines(payments.records());
  std::string verdicts;
  for (std::string line; std::getline(lines, line);)
    if (const auto record = nlohmann::json::parse(line); record["type"] == "denied")
      verdicts += fmt::format("{} {} by {}; allow {}\n", record["verdict"].get<std::string>(),
                              record["action"].get<std::string>(), record["rule"].get<std::string>(),
                              record.value("allow", "nothing"));
  EXPECT_EQ(verdicts,
            "audited tcp :8080 by deny.closed; allow nothing\n"
            "learned tcp :8080 by checkout.learn.payments; allow calls: {payments: }\n"
            "denied tcp :8080 by deny.closed; allow nothing\n");
}

TEST_F(MeshProtocols, AWithdrawnRuleEndsARawConnection) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  raw_service(payments, 8080, count_bytes);
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::tcp);
    co_await start(checkout, payments, pair);
    auto stream = co_await net::connect(loop_, checkout.door(), soon());
    EXPECT_TRUE(stream.has_value());
    if (!stream) co_return;
    EXPECT_TRUE((co_await stream->write("abc", soon())).has_value());
    const auto& counts = payments.sidecar().core().journal.edges();
    co_await controller_->until([&] { return !counts.all().empty(); });
    pair.callee.inbound.edges.clear();
    controller_->set_snapshot(pair.callee);
    std::array<char, 16> buffer{};
    const auto read = co_await stream->read(buffer, soon());
    EXPECT_TRUE(!read && read.error().cause != Cause::timeout);
  }());
}

TEST_F(MeshProtocols, RawTcpWaitsForAnInstance) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::tcp);
    pair.caller.upstreams[0].endpoints[0].ready = false;
    co_await start(checkout, payments, pair);
    Result<std::string> answer = fail(Cause::internal, "none");
    net::Gate gate(loop_);
    gate.spawn([](net::Loop& loop, net::Address door, Result<std::string>& result) -> net::Task<> {
      result = co_await converse(loop, door, "abcd");
    }(loop_, checkout.door(), answer));
    const ClusterPtr cluster = checkout.sidecar().core().clusters.find("payments", 8080);
    co_await controller_->until([&] { return cluster->held() == 1; });
    raw_service(payments, 8080, count_bytes);
    pair.caller.upstreams[0].endpoints[0].ready = true;
    controller_->set_snapshot(pair.caller);
    co_await gate.close();
    EXPECT_TRUE(answer && *answer == "4 bytes");
  }());
}

TEST_F(MeshProtocols, AClientThatGoesAwayCancelsWhatItAskedFor) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  bool gone = false;
  bool arrived = false;
  net::Event left(loop_);
  service(payments, 8080, [&](ServerExchange& exchange) -> net::Task<> {
    if (exchange.request().target != "/slow") co_return co_await reply_text(exchange, 200, "ok");
    arrived = true;
    exchange.on_gone([&] {
      gone = true;
      left.set();
    });
    static_cast<void>(co_await left.wait(net::Deadline::never()));
    exchange.on_gone({});
  });
  loop_.run([&]() -> net::Task<> {
    co_await start(checkout, payments, declare(checkout, payments, Protocol::http));
    {
      Client client(loop_, checkout.door());
      auto exchange = co_await client.open();
      EXPECT_TRUE(exchange.has_value());
      if (!exchange) co_return;
      const http::Request request = request_of("GET", "/slow");
      EXPECT_TRUE((co_await (*exchange)->send_head(request, true, soon())).has_value());
      co_await controller_->until([&] { return arrived; });
      (*exchange)->reset(ResetReason::cancelled);
      exchange->reset();
    }
    co_await controller_->until([&] { return gone; });
  }());
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace bulkhead::proxy::testing
