#include "collect/why.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace bulkhead::collect {
namespace {

constexpr std::int64_t kNow = 1'700'000'000'000'000;

// Spans of a trace that went gateway -> checkout -> payments, all well and fast; tests spoil it.
SpanRecord span(std::string id, std::string parent, std::string hop, std::string service, std::int64_t at_ms,
                std::int64_t ms) {
  SpanRecord record;
  record.id = std::move(id);
  record.parent = std::move(parent);
  record.hop = std::move(hop);
  record.service = std::move(service);
  record.status = 200;
  record.start_us = kNow + at_ms * 1'000;
  record.duration_us = ms * 1'000;
  return record;
}

struct Orders {
  SpanRecord gateway = span("1", "", "gateway", "gateway", 0, 100);
  SpanRecord in = span("2", "1", "inner", "checkout", 1, 98);
  SpanRecord out = span("3", "2", "outer", "checkout", 10, 60);
  SpanRecord paid = span("4", "3", "inner", "payments", 11, 58);

  Orders() {
    gateway.callee = in.callee = out.caller = "checkout";
    in.caller = "gateway";
    out.callee = paid.callee = "payments";
    paid.caller = "checkout";
    out.instance = "payments-1";
    gateway.method = in.method = out.method = paid.method = "POST";
    gateway.path = in.path = "/orders";
    out.path = paid.path = "/charges";
    gateway.user = "ann";
  }
  void answer(int status) { gateway.status = in.status = status; }
  Evidence evidence() const {
    Evidence evidence;
    evidence.spans = {paid, in, gateway, out};
    evidence.declared = {"checkout", "payments", "inventory"};
    return evidence;
  }
};

std::string told(const Evidence& evidence) {
  Why why = explain(evidence);
  std::string text = why.summary + "\n";
  if (why.cause) text += fmt::format("{} [{}]: {}\n", why.cause->what, why.cause->service, why.cause->text);
  return text;
}

std::string steps(const Evidence& evidence) {
  std::string text;
  for (const auto& step : explain(evidence).steps) {
    text += fmt::format("{:>3} ms {}{}\n", step.at_us / 1'000, std::string(2 * step.depth, ' '), step.text);
  }
  return text;
}

TEST(Why, OfWhatWentWellTellsTheStepsAlone) {
  Orders orders;
  EXPECT_EQ(told(orders.evidence()), "POST /orders took 100 ms and was answered 200.\n");
  EXPECT_EQ(steps(orders.evidence()),
            "  0 ms gateway: POST /orders to checkout, for ann\n"
            "  1 ms   checkout handles POST /orders\n"
            " 10 ms     checkout calls payments: POST /charges\n"
            " 11 ms       payments handles POST /charges\n");
}

TEST(Why, ASlowDependencyIsWhereTheTimeIsItsOwn) {
  Orders orders;
  orders.gateway.duration_us = 2'100'000;
  orders.in.duration_us = 2'098'000;
  orders.out.duration_us = 2'000'000;
  orders.paid.duration_us = 1'990'000;
  EXPECT_EQ(told(orders.evidence()),
            "POST /orders took 2.1 s and was answered 200.\n"
            "slow_dependency [payments]: payments itself took 2.0 s of 2.1 s, for POST /charges\n");
}

TEST(Why, ASlowServiceIsNotBlamedOnWhatItCalled) {
  Orders orders;
  orders.gateway.duration_us = 2'100'000;
  orders.in.duration_us = 2'098'000;
  EXPECT_EQ(
      told(orders.evidence()),
      "POST /orders took 2.1 s and was answered 200.\n"
      "slow_service [checkout]: checkout itself took 2.0 s of 2.1 s, for POST /orders; its own calls took 60 ms\n");
}

TEST(Why, WhatIsLongIsWhatIsUnusual) {
  Orders orders;
  Evidence evidence = orders.evidence();
  evidence.usual_us = 20'000;
  EXPECT_EQ(explain(evidence).cause.value().what, "slow_dependency");
  EXPECT_EQ(explain(evidence).summary, "POST /orders took 100 ms (usually 20 ms) and was answered 200.");
  evidence.usual_us = 50'000;
  EXPECT_FALSE(explain(evidence).cause);
  EXPECT_EQ(explain(evidence).summary, "POST /orders took 100 ms and was answered 200.");
  // What nobody would notice needs no cause, and what is long has one, however usual it is.
  orders.gateway.duration_us = orders.in.duration_us = 40'000;
  evidence = orders.evidence();
  evidence.usual_us = 1'000;
  EXPECT_FALSE(explain(evidence).cause);
  orders.gateway.duration_us = orders.in.duration_us = 2'000'000;
  evidence = orders.evidence();
  evidence.usual_us = 1'900'000;
  EXPECT_EQ(explain(evidence).cause.value().what, "slow_service");
}

TEST(Why, AProgramsOwnSpanIsNamed) {
  Orders orders;
  orders.gateway.duration_us = orders.in.duration_us = orders.out.duration_us = orders.paid.duration_us = 3'000'000;
  SpanRecord query = span("5", "4", "program", "payments", 20, 2'900);
  query.name = "SELECT charges";
  Evidence evidence = orders.evidence();
  evidence.spans.push_back(query);
  EXPECT_EQ(told(evidence),
            "POST /orders took 3.0 s and was answered 200.\n"
            "slow_dependency [payments]: 2.9 s of 3.0 s went into SELECT charges of payments\n");
}

TEST(Why, ATimeoutNamesWhoGaveNoAnswer) {
  Orders orders;
  orders.answer(502);
  orders.out.status = 504;
  orders.out.cause = "timed_out";
  orders.out.duration_us = 2'000'000;
  EXPECT_EQ(told(orders.evidence()),
            "POST /orders took 100 ms and was answered 502.\n"
            "slow_dependency [payments]: payments gave checkout no answer within 2.0 s, and the call was ended\n");
}

TEST(Why, AFailureIsTracedToWhereItBegan) {
  Orders orders;
  orders.answer(502);
  orders.out.status = orders.paid.status = 500;
  Evidence evidence = orders.evidence();
  evidence.logs.push_back({"payments", "card 7 is unknown", "error", kNow + 30'000});
  evidence.logs.push_back({"payments", "another day", "error", kNow + 9'000'000});
  EXPECT_EQ(told(evidence),
            "POST /orders took 100 ms and was answered 502.\n"
            "program_error [payments]: payments answered POST /charges with 500. It wrote: card 7 is unknown\n");
}

TEST(Why, RefusalsAreSaidInWords) {
  struct Case {
    std::string cause, expected;
  };
  for (const auto& [cause, expected] : std::vector<Case>{
           {"overloaded",
            "shed [payments]: payments had too much to do: its queue was full (`concurrency` of payments), and this "
            "request was shed\n"},
           {"hold_full",
            "shed [payments]: too many requests were waiting for an instance of payments already, and this one was "
            "shed\n"},
           {"circuit_open",
            "breaker_open [payments]: checkout's breaker for payments was open, and nothing is sent for a while\n"},
           {"contract", "contract [payments]: what checkout sent is not what the contract of payments describes\n"},
           {"no_ready_instance", "no_ready_instance [payments]: no instance of payments was ready\n"},
           {"broken_off", "broken_off [payments]: payments ended the connection in the middle\n"},
           {"misdirected", "misdirected [payments]: POST /charges to payments was refused: misdirected\n"},
       }) {
    Orders orders;
    orders.answer(503);
    orders.out.status = 503;
    orders.out.cause = cause;
    Evidence evidence = orders.evidence();
    std::erase_if(evidence.spans, [](const SpanRecord& record) { return record.id == "4"; });
    EXPECT_EQ(told(evidence), "POST /orders took 100 ms and was answered 503.\n" + expected) << cause;
  }
}

TEST(Why, ADenialSaysWhichRuleAndWhatWouldAllowIt) {
  Orders orders;
  orders.answer(500);
  orders.out.status = 403;
  orders.out.cause = "denied";
  Evidence evidence = orders.evidence();
  evidence.denials.push_back({.subject = "checkout",
                              .object = "payments",
                              .action = "POST /charges",
                              .verdict = "denied",
                              .rule = "deny.no-charges",
                              .rule_at = "bulkhead.yaml:60:5",
                              .reason = "A deny rule forbids it.",
                              .allow = {},
                              .at_us = kNow + 11'000});
  EXPECT_EQ(told(evidence),
            "POST /orders took 100 ms and was answered 500.\n"
            "denied [checkout]: checkout may not call payments: POST /charges. A deny rule forbids it.\n");
  EXPECT_EQ(explain(evidence).cause.value().rule_at, "bulkhead.yaml:60:5");
  EXPECT_NE(steps(evidence).find("checkout asked payments: POST /charges, which is denied"), std::string::npos);
  evidence.denials[0].rule.clear();
  evidence.denials[0].reason.clear();
  evidence.denials[0].allow = "calls: {payments: [POST /charges]}";
  EXPECT_EQ(told(evidence),
            "POST /orders took 100 ms and was answered 500.\n"
            "undeclared_call [checkout]: checkout may not call payments: POST /charges. This would allow it: "
            "calls: {payments: [POST /charges]}\n");
}

TEST(Why, AnUndeclaredNameIsComparedWithTheDeclaredOnes) {
  Orders orders;
  orders.answer(500);
  Evidence evidence = orders.evidence();
  evidence.denials.push_back({.kind = "name", .subject = "checkout", .object = "inventroy", .at_us = kNow + 80'000});
  EXPECT_EQ(told(evidence),
            "POST /orders took 100 ms and was answered 500.\n"
            "undeclared_call [checkout]: checkout looked for the name inventroy, which nobody declared. Did you mean "
            "inventory?\n");
}

TEST(Why, AnExpiredTokenIsNoDenialLikeOthers) {
  Orders orders;
  Evidence evidence = orders.evidence();
  evidence.spans = {orders.gateway};
  evidence.spans[0].status = 401;
  evidence.spans[0].cause = "unauthenticated";
  evidence.denials.push_back({.object = "checkout",
                              .action = "POST /orders",
                              .verdict = "denied",
                              .reason = "expired 3 min ago",
                              .at_us = kNow});
  EXPECT_EQ(told(evidence),
            "POST /orders took 100 ms and was answered 401.\n"
            "user_token_expired []: the user's token had expired: expired 3 min ago\n");
}

TEST(Why, AMissingCredentialIsTheClientsMatter) {
  Orders orders;
  Evidence evidence = orders.evidence();
  evidence.spans = {orders.gateway};
  evidence.spans[0].status = 401;
  evidence.spans[0].cause = "unauthenticated";
  evidence.denials.push_back({.subject = "gateway",
                              .object = "checkout",
                              .action = "POST /orders",
                              .verdict = "denied",
                              .rule = "gateway.routes[0].auth",
                              .rule_at = "bulkhead.yaml:9:5",
                              .reason = "no credential came; to allow it, write at bulkhead.yaml:9:5: auth: {}",
                              .allow = "auth: {}",
                              .at_us = kNow});
  EXPECT_EQ(told(evidence),
            "POST /orders took 100 ms and was answered 401.\n"
            "user_token [gateway]: gateway did not let POST /orders pass to checkout: no credential came; to allow it, "
            "write at bulkhead.yaml:9:5: auth: {}\n");
}

TEST(Why, RetriesThatMultiplyAreAStorm) {
  Orders orders;
  orders.answer(503);
  orders.gateway.attempts = 2;
  orders.out.attempts = 3;
  orders.out.status = orders.paid.status = 503;
  EXPECT_EQ(told(orders.evidence()),
            "POST /orders took 100 ms and was answered 503.\n"
            "retry_storm [payments]: gateway tried checkout 2 times, and each time checkout tried payments 3 times: 6 "
            "calls to payments for "
            "one request\n");
}

TEST(Why, ABadInstanceIsToldFromABadService) {
  Orders orders;
  orders.answer(502);
  orders.out.status = 500;
  Evidence evidence = orders.evidence();
  std::erase_if(evidence.spans, [](const SpanRecord& record) { return record.id == "4"; });
  evidence.instances = {{"payments", "payments-1", 20, 18, 0, 0, "checkout", "POST"},
                        {"payments", "payments-2", 40, 1, 0, 0, "checkout", "POST"},
                        {"payments", "payments-1", 90, 0, 0, 0, "invoices", "GET"}};  // others, of what does not fail
  EXPECT_EQ(told(evidence),
            "POST /orders took 100 ms and was answered 502.\n"
            "bad_instance [payments]: of payments's 2 instances only payments-1 fails: 18 of its 20 requests around "
            "then did, of the others' 40 requests 1\n");
  evidence.instances[1].errors = 36;
  EXPECT_EQ(explain(evidence).cause.value().what, "program_error");
}

TEST(Why, ManyCallsInTurnAreCounted) {
  Orders orders;
  orders.gateway.duration_us = orders.in.duration_us = 1'200'000;
  Evidence evidence = orders.evidence();
  evidence.spans = {orders.gateway, orders.in};
  for (int i = 0; i < 37; ++i) {
    evidence.spans.push_back(span(std::to_string(100 + i), "2", "outer", "checkout", 10 + 30 * i, 29));
    evidence.spans.back().callee = "inventory";
    evidence.spans.back().method = "GET";
  }
  EXPECT_EQ(told(evidence),
            "POST /orders took 1.2 s and was answered 200.\n"
            "many_calls [checkout]: checkout called inventory 37 times, one after the other: 1.1 s of 1.2 s\n");
}

TEST(Why, OfManyCallsThatAreTriedAgainAllTriesAreCounted) {
  Orders orders;
  orders.answer(503);
  Evidence evidence = orders.evidence();
  evidence.spans = {orders.gateway, orders.in};
  for (int i = 0; i < 3; ++i) {
    evidence.spans.push_back(span(std::to_string(100 + i), "2", "outer", "checkout", 10 + 20 * i, 9));
    SpanRecord& call = evidence.spans.back();
    call.callee = "payments";
    call.method = "GET";
    call.path = "/cards/7";
    call.status = 503;
    call.attempts = i < 2 ? 3 : 1;
    call.rule = "checkout.calls.payments";
    call.no_retry = i < 2 ? "tried enough" : "budget is spent";
  }
  evidence.rules["checkout.calls.payments"] = "bulkhead.yaml:31:7";
  EXPECT_EQ(told(evidence),
            "POST /orders took 100 ms and was answered 503.\n"
            "retry_storm [payments]: checkout called payments 3 times for this request, and its sidecar tried again: 7 "
            "tries in all, GET /cards/7, the last answered 503. The retry budget was spent then\n");
  EXPECT_EQ(explain(evidence).cause.value().rule_at, "bulkhead.yaml:31:7");
}

TEST(Why, AnOpenBreakerSaysWhatOpenedIt) {
  Orders orders;
  orders.answer(503);
  orders.out.status = 503;
  orders.out.cause = "circuit_open";
  orders.out.detail = "12 of 20 requests failed in 10s, the last: 503";
  Evidence evidence = orders.evidence();
  std::erase_if(evidence.spans, [](const SpanRecord& record) { return record.id == "4"; });
  evidence.opening = OpeningRecord{"4bf9", "answered 503", orders.out.start_us - 3'000'000};
  EXPECT_EQ(told(evidence),
            "POST /orders took 100 ms and was answered 503.\n"
            "breaker_open [payments]: checkout's breaker for payments was open, and nothing is sent for a while: 12 of "
            "20 requests failed in 10s, the last: 503. The last request before, 3.0 s earlier, was answered 503: trace "
            "4bf9\n");
  EXPECT_EQ(explain(evidence).cause.value().trace, "4bf9");
}

TEST(Why, WaitingInAQueueAndWhatTheManifestDelaysAreNoWorkOfTheService) {
  Orders orders;
  orders.gateway.duration_us = orders.in.duration_us = orders.out.duration_us = 2'100'000;
  orders.paid.duration_us = 2'000'000;
  orders.paid.queued_us = 1'900'000;
  EXPECT_EQ(explain(orders.evidence()).cause.value().what, "queued");
  orders.paid.duration_us = 10'000;
  orders.paid.queued_us = 0;
  orders.out.injected_us = 2'000'000;
  EXPECT_EQ(told(orders.evidence()),
            "POST /orders took 2.1 s and was answered 200.\n"
            "fault_injected [payments]: 2.0 s of 2.1 s are a delay that the manifest asks for (`faults` of the call "
            "from checkout to payments)\n");
}

TEST(Why, WhatIsIncompleteSaysSo) {
  Orders orders;
  Evidence evidence = orders.evidence();
  evidence.spans = {orders.paid};
  evidence.spans[0].queued_us = 20'000;
  evidence.usual_us = 1'000;
  EXPECT_EQ(
      told(evidence),
      "POST /charges took 58 ms (usually 1 ms) and was answered 200. What asked for it is not recorded, or not yet.\n"
      "slow_service [payments]: payments itself took 58 ms of 58 ms, for POST /charges; 20 ms of it were in the "
      "queue (`concurrency` of payments)\n");
}

TEST(Why, AnAttemptThatIsJoinedByItsTimeSaysHowSurely) {
  Orders orders;
  orders.answer(500);
  Evidence evidence = orders.evidence();
  evidence.denials.push_back(
      {.kind = "name", .subject = "checkout", .object = "inventroy", .at_us = kNow + 80'000, .confidence = 0.5});
  EXPECT_NE(told(evidence).find("Did you mean inventory? (joined by its time, 50 % sure)"), std::string::npos);
  // What was tried before this request is no cause of it, but worth a word.
  evidence.denials[0].at_us = kNow - 5'000'000;
  evidence.denials[0].confidence = 0;
  EXPECT_EQ(told(evidence),
            "POST /orders took 100 ms and was answered 500.\n"
            "program_error [checkout]: checkout answered POST /orders with 500. 5.0 s earlier it looked for the name "
            "inventroy, which nobody declared; the same is written down once in ten seconds\n");
  EXPECT_EQ(steps(evidence).find("inventroy"), std::string::npos);
}

TEST(Why, ClocksThatDifferAreTold) {
  Orders orders;
  orders.paid.skew_us = -3'000'000;
  EXPECT_EQ(told(orders.evidence()),
            "POST /orders took 100 ms and was answered 200.\n"
            "clock_skew [payments]: the clock of payments's sidecar is 3.0 s behind its caller's, by what it told of "
            "POST /charges: this is shown where it must have been, within the call that caused it\n");
  EXPECT_NE(steps(orders.evidence()).find("POST /charges (moved: its clock is 3.0 s behind)"), std::string::npos);
  orders.paid.skew_us = 0;
  orders.paid.confidence = 0.6;
  EXPECT_NE(steps(orders.evidence()).find("(joined by its times, 60 % sure)"), std::string::npos);
}

TEST(Why, TakesWhateverItIsGiven) {
  EXPECT_EQ(told({}), "No hop recorded this request.\n");
  Evidence circle;
  circle.spans = {span("1", "2", "outer", "a", 0, 10), span("2", "1", "outer", "b", 0, 10),
                  span("3", "3", "inner", "c", 0, -5)};
  EXPECT_EQ(explain(circle).steps.size(), 3U);
  Evidence deep;
  for (int i = 20'000; i > 0; --i)
    deep.spans.push_back(span(std::to_string(i), std::to_string(i - 1), "inner", "a", i, 1));
  Why why = explain(deep);
  EXPECT_EQ(why.steps.size(), 1'000U);
  for (const auto& step : why.steps) EXPECT_LE(step.depth, 64U);
}

}  // namespace
}  // namespace bulkhead::collect
