#include <gtest/gtest.h>

#include "http/grpc.hpp"
#include "proxy/mesh_harness.hpp"

namespace bulkhead::proxy::testing {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr manifest::Share kAll{10'000};

net::Task<> greet(ServerExchange& exchange) {
  const std::string target = exchange.request().target;
  co_await reply_text(exchange, 200, "payments says " + target);
}

// Answers nothing, or nothing more, until its client has gone.
net::Task<> hang(ServerExchange& exchange, net::Event& left) {
  exchange.on_gone([&left] { left.set(); });
  static_cast<void>(co_await left.wait(net::Deadline::never()));
  exchange.on_gone({});
}

class MeshResilience : public MeshFixture {
 protected:
  net::Deadline soon() { return loop_.in(std::chrono::seconds(10)); }

  // A service that counts what it is asked and answers with this status.
  FakeService& counting(Node& node, std::uint32_t& asked, const std::uint16_t& status) {
    return service(node, 8080, [&asked, &status](ServerExchange& exchange) -> net::Task<> {
      if (exchange.request().target != "/") ++asked;
      const std::uint16_t now = exchange.request().target == "/" ? 200 : status;
      co_await reply_text(exchange, now, "text");
    });
  }

  // Further instances of payments, ready for the caller.
  net::Task<> add(Pair& pair, std::vector<Node*> more) {
    for (Node* each : more) {
      pair.caller.upstreams[0].endpoints.push_back({each->instance(), each->inner(), true});
      Snapshot other = pair.callee;
      other.instance = each->instance();
      controller_->set_snapshot(other);
      each->start();
      co_await controller_->until([each] { return each->said("ready"); });
    }
  }

  // Another service that `pair`'s caller declares to call at 8080.
  Snapshot declare_other(Pair& pair, Node& to) {
    const std::string name(to.sidecar().core().service());
    const policy::Edge edge = call("checkout", name, 8080, Protocol::http);
    Snapshot callee = to.snapshot();
    callee.inbound.ports = {{8080, Protocol::http}};
    callee.inbound.edges = {edge};
    pair.caller.upstreams.push_back({name, 8080, Protocol::http, spiffe_of(name), edge, {}});
    pair.caller.upstreams.back().endpoints = {{to.instance(), to.inner(), true}};
    return callee;
  }

  std::string error_of(const Result<Reply>& reply) {
    if (!reply) return reply.error().message;
    const json body = json::parse(reply->body, nullptr, false);
    return body.is_object() ? body.value("error", "") : "";
  }
};

TEST_F(MeshResilience, ACallThatGetsNoAnswerInItsTimeIs504AndItsServiceIsToldToStop) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  net::Event left(loop_);
  service(payments, 8080, [&](ServerExchange& exchange) -> net::Task<> {
    if (exchange.request().target == "/") co_return co_await reply_text(exchange, 200, "ok");
    co_await hang(exchange, left);
  });
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    pair.caller.upstreams[0].resilience.timeout = milliseconds(50);
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door());
    const auto reply = co_await client.get("/slow");
    EXPECT_TRUE(reply && reply->status == 504);
    EXPECT_EQ(error_of(reply), "timed_out");
    co_await controller_->until([&] { return left.is_set(); });
  }());
}

TEST_F(MeshResilience, AnAnswerThatIsNotWholeInItsTimeIsBrokenOff) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  net::Event left(loop_);
  service(payments, 8080, [&](ServerExchange& exchange) -> net::Task<> {
    if (exchange.request().target == "/") co_return co_await reply_text(exchange, 200, "ok");
    http::Response head;
    head.body = true;
    const auto sent = co_await exchange.send_head(std::move(head), false);
    if (!sent) co_return;
    const auto begun = co_await exchange.send_body("begun", false, net::Deadline::never());
    if (!begun) co_return;
    co_await hang(exchange, left);
  });
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    pair.caller.upstreams[0].resilience.timeout = milliseconds(50);
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door());
    const auto reply = co_await client.get("/slow");
    EXPECT_FALSE(reply.has_value());
    checkout.sidecar().core().journal.flush();
  }());
  EXPECT_NE(checkout.records().find("\"cause\":\"timed_out\""), std::string::npos);
}

TEST_F(MeshResilience, AnIdempotentRequestThatWasBrokenOffIsRepeatedOnAnotherInstance) {
  Node& checkout = node("checkout", "checkout-1");
  Node& first = node("payments", "payments-1");
  Node& second = node("payments", "payments-2");
  std::uint32_t broken = 0;
  raw_service(first, 8080, [&](net::Stream stream) -> net::Task<> {
    std::array<char, 4096> buffer{};
    static_cast<void>(co_await stream.read(buffer, net::Deadline::never()));
    ++broken;
  });
  service(second, 8080, greet);
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, first, Protocol::http);
    pair.callee.health = {};
    pair.caller.upstreams[0].resilience.outliers.failures = 0;
    pair.caller.upstreams[0].resilience.retries.budget = kAll;
    co_await add(pair, {&second});
    co_await start(checkout, first, pair);
    Client client(loop_, checkout.door());
    for (int i = 0; i < 10 || (broken == 0 && i < 200); ++i) {
      const auto reply = co_await client.get("/charges");
      EXPECT_TRUE(reply && reply->status == 200) << i;
    }
    EXPECT_GT(broken, 0U);
    // Each POST that meets the broken instance is told so: none is sent a second time.
    pair.caller.upstreams[0].endpoints.pop_back();
    controller_->set_snapshot(pair.caller);
    co_await controller_->until_applied(checkout.instance());
    broken = 0;
    for (int i = 0; i < 10; ++i) {
      const auto reply = co_await client.send(request_of("POST", "/charges"), "once");
      EXPECT_TRUE(reply && reply->status == 502);
    }
    EXPECT_EQ(broken, 10U);
  }());
}

TEST_F(MeshResilience, WhereTheManifestSaysSoAlsoAPostIsRepeated) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  std::uint32_t asked = 0;
  service(payments, 8080, [&](ServerExchange& exchange) -> net::Task<> {
    if (exchange.request().target == "/") co_return co_await reply_text(exchange, 200, "ok");
    const std::string body = co_await read_request_body(exchange);
    ++asked;
    co_await reply_text(exchange, asked % 3 == 0 ? 200 : 429, body);
  });
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    auto& retries = pair.caller.upstreams[0].resilience.retries;
    retries.max = 2;
    retries.unsafe = true;
    retries.on = {429};
    retries.backoff = milliseconds(1);
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door());
    const auto reply = co_await client.send(request_of("POST", "/charges"), "a card");
    EXPECT_TRUE(reply && reply->status == 200 && reply->body == "a card");
  }());
  EXPECT_EQ(asked, 3U);
}

TEST_F(MeshResilience, ATryThatTakesTooLongIsFollowedByAnother) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  std::uint32_t asked = 0;
  net::Event left(loop_);
  service(payments, 8080, [&](ServerExchange& exchange) -> net::Task<> {
    if (exchange.request().target == "/") co_return co_await reply_text(exchange, 200, "ok");
    if (++asked > 1) co_return co_await reply_text(exchange, 200, "the second");
    co_await hang(exchange, left);
  });
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    pair.caller.upstreams[0].resilience.timeout = std::chrono::seconds(10);
    pair.caller.upstreams[0].resilience.retries.per_try = milliseconds(50);
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door());
    const auto reply = co_await client.get("/charges");
    EXPECT_TRUE(reply && reply->status == 200 && reply->body == "the second");
  }());
  EXPECT_EQ(asked, 2U);
  EXPECT_TRUE(left.is_set());
}

TEST_F(MeshResilience, AnUnavailableGrpcCallIsRepeatedOnlyWhereTheManifestSaysSo) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  std::uint32_t asked = 0;
  service(payments, 8080, [&](ServerExchange& exchange) -> net::Task<> {
    ++asked;
    static_cast<void>(co_await read_request_body(exchange));
    const auto status = asked % 2 == 1 ? http::GrpcStatus::unavailable : http::GrpcStatus::ok;
    static_cast<void>(co_await exchange.send_head(http::grpc_error(status, ""), true));
  });
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::grpc);
    pair.callee.health = {};
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door(), UpstreamProtocol::http2);
    http::Request request = grpc_request("/shop.Payments/Charge");
    const auto once = co_await client.send(request, std::string(5, '\0'));
    EXPECT_TRUE(once && once->fields.find("grpc-status") == "14");
    EXPECT_EQ(asked, 1U);
    asked = 0;
    pair.caller.upstreams[0].resilience.retries.unsafe = true;
    controller_->forget(checkout.instance());
    controller_->set_snapshot(pair.caller);
    co_await controller_->until_applied(checkout.instance());
    const auto again = co_await client.send(request, std::string(5, '\0'));
    EXPECT_TRUE(again && again->fields.find("grpc-status") == "0");
    EXPECT_EQ(asked, 2U);
  }());
}

TEST_F(MeshResilience, RepetitionsSpendFromABudget) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  std::uint32_t asked = 0;
  const std::uint16_t status = 503;
  counting(payments, asked, status);
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    pair.caller.upstreams[0].resilience.retries.max = 3;
    pair.caller.upstreams[0].resilience.retries.backoff = milliseconds(0);
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door());
    for (int i = 0; i < 200; ++i) {
      const auto reply = co_await client.get("/charges");
      EXPECT_TRUE(reply && reply->status == 503);
    }
  }());
  EXPECT_GT(asked, 200U);
  // A fifth of them, and the few each second that are free; all would be 800.
  EXPECT_LT(asked, 400U);
}

TEST_F(MeshResilience, ABreakerOpensSaysWhyAndClosesAgain) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  std::uint32_t asked = 0;
  std::uint16_t status = 503;
  counting(payments, asked, status);
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    auto& resilience = pair.caller.upstreams[0].resilience;
    resilience.retries.max = 0;
    resilience.breaker = manifest::Breaker{.requests = 4, .open = milliseconds(100)};
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door());
    for (int i = 0; i < 4; ++i) static_cast<void>(co_await client.get("/charges"));
    const auto refused = co_await client.get("/charges");
    EXPECT_TRUE(refused && refused->status == 503);
    EXPECT_EQ(error_of(refused), "circuit_open");
    EXPECT_EQ(asked, 4U);
    const json calls = checkout.sidecar().core().calls.to_json();
    EXPECT_EQ(calls[0]["breaker"]["state"], "open");
    EXPECT_NE(calls[0]["breaker"]["reason"].get<std::string>().find("4 of 4"), std::string::npos);
    co_await net::sleep(loop_, loop_.in(milliseconds(110)));
    status = 200;
    const auto probe = co_await client.get("/charges");
    EXPECT_TRUE(probe && probe->status == 200);
    const auto after = co_await client.get("/charges");
    EXPECT_TRUE(after && after->status == 200);
    EXPECT_TRUE(checkout.sidecar().core().calls.to_json().empty());
  }());
}

TEST_F(MeshResilience, AnInstanceThatFailsAgainAndAgainIsLeftAlone) {
  Node& checkout = node("checkout", "checkout-1");
  Node& bad = node("payments", "payments-1");
  Node& good = node("payments", "payments-2");
  std::uint32_t bad_asked = 0;
  std::uint32_t good_asked = 0;
  const std::uint16_t failing = 503;
  const std::uint16_t fine = 200;
  counting(bad, bad_asked, failing);
  counting(good, good_asked, fine);
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, bad, Protocol::http);
    pair.caller.upstreams[0].resilience.retries.max = 0;
    co_await add(pair, {&good});
    co_await start(checkout, bad, pair);
    Client client(loop_, checkout.door());
    // How often it is asked at first depends on how fast both are: the one whose connection took longer waits.
    for (int i = 0; i < 10'000 && bad_asked < 5; ++i) static_cast<void>(co_await client.get("/charges"));
    EXPECT_EQ(checkout.sidecar().core().calls.to_json()[0]["ejected"][0]["instance"], "payments-1");
    good_asked = 0;
    for (int i = 0; i < 200; ++i) static_cast<void>(co_await client.get("/charges"));
  }());
  EXPECT_EQ(bad_asked, 5U);
  EXPECT_EQ(good_asked, 200U);
}

TEST_F(MeshResilience, WhereACallFailsItsFallbackAnswers) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  Node& spare = node("spare", "spare-1");
  std::uint32_t asked = 0;
  const std::uint16_t status = 503;
  counting(payments, asked, status);
  service(spare, 8080, [](ServerExchange& exchange) -> net::Task<> {
    const std::string body = co_await read_request_body(exchange);
    co_await reply_text(exchange, 200, "spare got " + body);
  });
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    controller_->set_snapshot(declare_other(pair, spare));
    spare.start();
    co_await controller_->until([&] { return spare.said("ready"); });
    pair.caller.upstreams[0].resilience.fallback =
        manifest::Fallback{.status = 200, .content_type = "application/json", .body = "[]"};
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door());
    const auto fixed = co_await client.get("/charges");
    EXPECT_TRUE(fixed && fixed->status == 200 && fixed->body == "[]");
    EXPECT_TRUE(fixed && fixed->fields.find("content-type") == "application/json");
    EXPECT_TRUE(fixed && fixed->fields.find("proxy-status")->find("fallback") != std::string_view::npos);

    pair.caller.upstreams[0].resilience.fallback = manifest::Fallback{.to = "spare", .port = {8080}};
    controller_->forget(checkout.instance());
    controller_->set_snapshot(pair.caller);
    co_await controller_->until_applied(checkout.instance());
    const auto other = co_await client.send(request_of("POST", "/charges"), "a card");
    EXPECT_TRUE(other && other->status == 200 && other->body == "spare got a card");
  }());
}

TEST_F(MeshResilience, FaultsAreInjectedIntoTheRequestsThatAreMarked) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  service(payments, 8080, greet);
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    pair.caller.upstreams[0].resilience.faults = {
        {.delay = milliseconds(30), .share = kAll, .headers = {{"x-test", "slow"}}},
        {.abort = 418, .share = kAll, .headers = {{"x-test", "teapot"}}}};
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door());
    const auto plain = co_await client.get("/charges");
    EXPECT_TRUE(plain && plain->status == 200);
    http::Request marked = request_of("GET", "/charges");
    marked.fields.add("x-test", "teapot");
    const auto aborted = co_await client.send(marked);
    EXPECT_TRUE(aborted && aborted->status == 418);
    EXPECT_EQ(error_of(aborted), "fault_injected");
    marked.fields.set("x-test", "slow");
    const auto before = loop_.now();
    const auto delayed = co_await client.send(marked);
    EXPECT_TRUE(delayed && delayed->status == 200);
    EXPECT_GE(loop_.now() - before, milliseconds(30));
  }());
}

TEST_F(MeshResilience, ACallIsSplitByShareAndByHeader) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  Node& next = node("next", "next-1");
  std::uint32_t old_asked = 0;
  std::uint32_t new_asked = 0;
  const std::uint16_t fine = 200;
  counting(payments, old_asked, fine);
  counting(next, new_asked, fine);
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    controller_->set_snapshot(declare_other(pair, next));
    next.start();
    co_await controller_->until([&] { return next.said("ready"); });
    pair.caller.upstreams[0].resilience.split = {
        {.to = "next", .port = {8080}, .share = kAll, .headers = {{"x-canary", "1"}}},
        {.to = "next", .port = {8080}, .share = {5000}}};
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door());
    http::Request marked = request_of("GET", "/charges");
    marked.fields.add("x-canary", "1");
    for (int i = 0; i < 10; ++i) EXPECT_TRUE((co_await client.send(marked)).has_value());
    EXPECT_EQ(new_asked, 10U);
    for (int i = 0; i < 100; ++i) EXPECT_TRUE((co_await client.get("/charges")).has_value());
  }());
  EXPECT_GT(old_asked, 20U);
  EXPECT_GT(new_asked, 30U);
  EXPECT_EQ(old_asked + new_asked, 110U);
}

TEST_F(MeshResilience, ASplitIsAuthorizedByTheRuleOfWhereItGoes) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  Node& next = node("next", "next-1");
  service(payments, 8080, greet);
  service(next, 8080, greet);
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    Snapshot callee = declare_other(pair, next);
    pair.caller.upstreams[1].edge = call("checkout", "next", 8080, Protocol::http, {"GET /items"});
    controller_->set_snapshot(callee);
    next.start();
    pair.caller.upstreams[0].resilience.split = {{.to = "next", .port = {8080}, .share = kAll}};
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door());
    const auto denied = co_await client.get("/charges");
    EXPECT_TRUE(denied && denied->status == 403);
    const auto allowed = co_await client.get("/items");
    EXPECT_TRUE(allowed && allowed->status == 200);
  }());
}

TEST_F(MeshResilience, OneNoisyCallerLeavesPlacesToTheOthers) {
  Node& noisy = node("checkout", "checkout-1");
  Node& quiet = node("search", "search-1");
  Node& payments = node("payments", "payments-1");
  net::Event release(loop_);
  std::uint32_t inside = 0;
  service(payments, 8080, [&](ServerExchange& exchange) -> net::Task<> {
    if (exchange.request().target != "/hold") co_return co_await reply_text(exchange, 200, "ok");
    ++inside;
    static_cast<void>(co_await release.wait(net::Deadline::never()));
    co_await reply_text(exchange, 200, "held");
  });
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(noisy, payments, Protocol::http);
    pair.callee.health = {};
    const policy::Edge edge = call("search", "payments", 8080, Protocol::http);
    pair.callee.inbound.edges.push_back(edge);
    pair.callee.inbound.concurrency = {.max = 4, .queue = 4};
    Snapshot other = quiet.snapshot();
    other.upstreams = {{"payments", 8080, Protocol::http, spiffe_of("payments"), edge, {}}};
    other.upstreams[0].endpoints = {{payments.instance(), payments.inner(), true}};
    other.doors = {{"127.0.0.1", quiet.door().port(), DoorKind::upstream, 0, Handling::http}};
    controller_->set_snapshot(other);
    quiet.start();
    co_await start(noisy, payments, pair);
    co_await controller_->until([&] { return quiet.said("ready"); });
    net::Gate gate(loop_);
    std::vector<std::unique_ptr<Client>> clients;
    std::vector<std::uint16_t> statuses;
    for (int i = 0; i < 8; ++i) {
      clients.push_back(std::make_unique<Client>(loop_, noisy.door()));
      gate.spawn([](Client& client, std::vector<std::uint16_t>& seen) -> net::Task<> {
        http::Request request = request_of("POST", "/hold");
        const auto reply = co_await client.send(std::move(request));
        seen.push_back(reply ? reply->status : 0);
      }(*clients.back(), statuses));
    }
    // Three serve, three wait, two are refused at once.
    co_await controller_->until([&] { return inside == 3 && statuses.size() == 2; });
    EXPECT_EQ(statuses, (std::vector<std::uint16_t>{503, 503}));
    Client client(loop_, quiet.door());
    const auto reply = co_await client.get("/charges");
    EXPECT_TRUE(reply && reply->status == 200);
    release.set();
    co_await gate.close();
    EXPECT_EQ(statuses.size(), 8U);
    EXPECT_EQ(std::ranges::count(statuses, 200), 6);
  }());
}

TEST_F(MeshResilience, TheTimeThatIsLeftTravelsThroughAProgramThatCarriesTheTraceOn) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  Node& bank = node("bank", "bank-1");
  net::Event left(loop_);
  service(bank, 8080, [&](ServerExchange& exchange) -> net::Task<> {
    if (exchange.request().target == "/") co_return co_await reply_text(exchange, 200, "ok");
    co_await hang(exchange, left);
  });
  std::uint16_t seen_by_payments = 0;
  service(payments, 8080, [&](ServerExchange& exchange) -> net::Task<> {
    if (exchange.request().target == "/") co_return co_await reply_text(exchange, 200, "ok");
    http::Request onward = request_of("GET", "/slow");
    onward.fields.add("traceparent", *exchange.request().fields.find("traceparent"));
    Client client(loop_, payments.door());
    const auto reply = co_await client.send(std::move(onward));
    if (reply) seen_by_payments = reply->status;
    co_await reply_text(exchange, 200, "told");
  });
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::http);
    pair.caller.upstreams[0].resilience.timeout = milliseconds(80);
    const policy::Edge edge = call("payments", "bank", 8080, Protocol::http);
    pair.callee.upstreams = {{"bank", 8080, Protocol::http, spiffe_of("bank"), edge, {}}};
    pair.callee.upstreams[0].endpoints = {{bank.instance(), bank.inner(), true}};
    pair.callee.doors = {{"127.0.0.1", payments.door().port(), DoorKind::upstream, 0, Handling::http}};
    Snapshot inner = bank.snapshot();
    inner.inbound.ports = {{8080, Protocol::http}};
    inner.inbound.edges = {edge};
    controller_->set_snapshot(inner);
    bank.start();
    co_await start(checkout, payments, pair);
    co_await controller_->until([&] { return bank.said("ready"); });
    Client client(loop_, checkout.door());
    const auto reply = co_await client.get("/charges");
    EXPECT_TRUE(reply && reply->status == 504);
    co_await controller_->until([&] { return left.is_set() && seen_by_payments != 0; });
  }());
  EXPECT_EQ(seen_by_payments, 504);
}

TEST_F(MeshResilience, AGrpcDeadlineIsCarriedOnAndKept) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  std::string told;
  net::Event left(loop_);
  service(payments, 8080, [&](ServerExchange& exchange) -> net::Task<> {
    told = std::string(exchange.request().fields.find("grpc-timeout").value_or(""));
    co_await hang(exchange, left);
  });
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::grpc);
    pair.callee.health = {};
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door(), UpstreamProtocol::http2);
    http::Request request = grpc_request("/shop.Payments/Charge");
    request.fields.add("grpc-timeout", "60m");
    const auto late = co_await client.send(request, std::string(5, '\0'));
    EXPECT_TRUE(late && late->fields.find("grpc-status") == "4");
    EXPECT_TRUE(told.ends_with('u') || told.ends_with('n')) << told;
    request.fields.set("grpc-timeout", "soon");
    const auto malformed = co_await client.send(request, std::string(5, '\0'));
    EXPECT_TRUE(malformed && malformed->fields.find("grpc-status") == "13");
  }());
}

TEST_F(MeshResilience, AGrpcProgramThatKeepsTheDeadlineItselfExceededIt) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  service(payments, 8080, [&](ServerExchange& exchange) -> net::Task<> {
    const auto told = parse_grpc_timeout(exchange.request().fields.find("grpc-timeout").value_or(""));
    if (!told) co_return;
    co_await net::sleep(loop_, loop_.in(*told - std::chrono::milliseconds(2)));
    exchange.reset(ResetReason::cancelled);
  });
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::grpc);
    pair.callee.health = {};
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door(), UpstreamProtocol::http2);
    http::Request request = grpc_request("/shop.Payments/Charge");
    request.fields.add("grpc-timeout", "30m");
    for (int i = 0; i < 5; ++i) {
      const auto late = co_await client.send(request, std::string(5, '\0'));
      EXPECT_TRUE(late && late->fields.find("grpc-status") == "4");
    }
  }());
}

// The head, one message's bytes or as many as are taken, and no end.
net::Task<> begin_stream(ServerExchange& exchange, bool without_end) {
  http::Response head;
  head.body = true;
  head.fields.add("content-type", "application/grpc");
  const auto sent = co_await exchange.send_head(std::move(head), false);
  if (!sent) co_return;
  const std::string data = without_end ? std::string(60000, 'x') : "part";
  do {
    const auto written = co_await exchange.send_body(data, false, net::Deadline::never());
    if (!written) co_return;
  } while (without_end);
}

TEST_F(MeshResilience, AGrpcAnswerThatIsNotWholeEndsInAStatus) {
  Node& checkout = node("checkout", "checkout-1");
  Node& payments = node("payments", "payments-1");
  net::Event left(loop_);
  service(payments, 8080, [&](ServerExchange& exchange) -> net::Task<> {
    const std::string target = exchange.request().target;
    co_await begin_stream(exchange, target.ends_with("Flood"));
    if (target.ends_with("Hang")) co_await hang(exchange, left);
    exchange.reset(ResetReason::internal);
  });
  loop_.run([&]() -> net::Task<> {
    Pair pair = declare(checkout, payments, Protocol::grpc);
    pair.callee.health = {};
    co_await start(checkout, payments, pair);
    Client client(loop_, checkout.door(), UpstreamProtocol::http2);
    const auto request_for = [](std::string target) {
      http::Request request = grpc_request(std::move(target));
      request.fields.add("grpc-timeout", "60m");
      return request;
    };
    const auto late = co_await client.send(request_for("/shop.Payments/Hang"), std::string(5, '\0'));
    EXPECT_TRUE(late && late->body == "part" && late->trailers.find("grpc-status") == "4");
    const auto cut = co_await client.send(request_for("/shop.Payments/Cut"), std::string(5, '\0'));
    EXPECT_TRUE(cut && cut->trailers.find("grpc-status") == "14");
    EXPECT_TRUE(cut && cut->trailers.find("grpc-message").value_or("").find("payments") != std::string_view::npos);
    // Whoever does not read what came can't be told: a reset.
    auto deaf = co_await client.open();
    EXPECT_TRUE(deaf && co_await (*deaf)->send_head(request_for("/shop.Payments/Flood"), true, soon()));
    if (!deaf) co_return;
    co_await net::sleep(loop_, loop_.in(std::chrono::milliseconds(200)));
    const auto reply = co_await read_reply(loop_, **deaf);
    EXPECT_TRUE(!reply && reply.error().message.find("code 8") != std::string::npos)
        << (reply ? "" : reply.error().message);
  }());
}

}  // namespace
}  // namespace bulkhead::proxy::testing
