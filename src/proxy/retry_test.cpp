#include "proxy/retry.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace bulkhead::proxy {
namespace {

using manifest::Share;
using std::chrono::milliseconds;
using std::chrono::seconds;

const RetryBudget::Time kStart{seconds(1000)};
constexpr double kMiddle = 0.5;

constexpr TryOutcome kNeverSent{.never_sent = true, .no_response_byte = true};
constexpr TryOutcome kNoAnswer{.no_response_byte = true};
constexpr TryOutcome kHalfAHead{};
constexpr TryOutcome kTooSlow{.timed_out_try = true};
constexpr TryOutcome kOverloaded{.refused_by_proxy = true, .status = 503};
constexpr TryOutcome kBrokenOff{.broken_off = true, .status = 200};
constexpr TryOutcome answer(std::uint16_t status) { return {.status = status}; }
constexpr TryOutcome grpc(int status) { return {.status = 200, .grpc_status = status}; }

constexpr RequestFacts kGet{.idempotent = true, .replayable = true};
constexpr RequestFacts kPost{.idempotent = false, .replayable = true};
constexpr RequestFacts kLongPut{.idempotent = true, .replayable = false};
constexpr RequestFacts kGrpc{.idempotent = true, .replayable = true, .grpc = true};

manifest::Retries retries(std::uint32_t max, bool unsafe = false) {
  manifest::Retries settings;
  settings.max = max;
  settings.unsafe = unsafe;
  return settings;
}

// What is done after each of these tries.
using Transcript = std::vector<std::string>;
Transcript play(const manifest::Retries& settings, RequestFacts facts, const std::vector<TryOutcome>& tries,
                double chance = kMiddle) {
  RetryBudget budget(Share{10'000});
  for (int i = 0; i < 100; ++i) budget.deposit(kStart);
  RetryPolicy policy(settings, facts, budget);
  Transcript said;
  for (const TryOutcome& each : tries) said.push_back(to_string(policy.decide(each, chance, kStart)));
  return said;
}

TEST(Retry, WhatFailedOnceIsTriedOnceMore) {
  EXPECT_EQ(play(retries(1), kGet, {answer(503), answer(503)}), (Transcript{"again after 13ms", "tried enough"}));
  EXPECT_EQ(play(retries(1), kGet, {kNoAnswer, answer(200)}), (Transcript{"again after 13ms", "no failure"}));
}

TEST(Retry, WhatWasNeverSentIsTriedWhateverTheSettingsSay) {
  EXPECT_EQ(play(retries(0), kPost, {kNeverSent, kNeverSent, kNeverSent, answer(503)}),
            (Transcript{"again at once", "again at once", "again at once", "not idempotent"}));
  EXPECT_EQ(play(retries(1), kGet, {kNeverSent, answer(503), kNeverSent, answer(503)}),
            (Transcript{"again at once", "again after 13ms", "again at once", "tried enough"}));
}

TEST(Retry, TheProgramOfAnOverloadedCalleeSawNothing) {
  EXPECT_EQ(play(retries(0), kPost, {kOverloaded, kOverloaded, answer(200)}),
            (Transcript{"again after 13ms", "again after 25ms", "no failure"}));
  EXPECT_EQ(play(retries(0), kLongPut, {kOverloaded}), (Transcript{"not replayable"}));
}

TEST(Retry, TheFirstRuleThatForbidsIsTold) {
  struct Case {
    const char* name;
    RequestFacts facts;
    TryOutcome outcome;
    const char* safe;
    const char* unsafe;
  };
  for (const Case& each : {
           Case{"GET 200", kGet, answer(200), "no failure", "no failure"},
           Case{"GET 500", kGet, answer(500), "no failure", "no failure"},
           Case{"GET 404", kGet, answer(404), "no failure", "no failure"},
           Case{"GET 501", kGet, answer(501), "no failure", "no failure"},
           Case{"GET 502", kGet, answer(502), "again after 13ms", "again after 13ms"},
           Case{"GET 504", kGet, answer(504), "again after 13ms", "again after 13ms"},
           Case{"GET 505", kGet, answer(505), "no failure", "no failure"},
           Case{"GET, no answer", kGet, kNoAnswer, "again after 13ms", "again after 13ms"},
           Case{"GET, too slow", kGet, kTooSlow, "again after 13ms", "again after 13ms"},
           Case{"GET, half a head", kGet, kHalfAHead, "answer begun", "answer begun"},
           Case{"GET, broken off", kGet, kBrokenOff, "answer begun", "answer begun"},
           Case{"POST 503", kPost, answer(503), "not idempotent", "again after 13ms"},
           Case{"POST, no answer", kPost, kNoAnswer, "not idempotent", "again after 13ms"},
           Case{"POST 200", kPost, answer(200), "no failure", "no failure"},
           Case{"long PUT 503", kLongPut, answer(503), "not replayable", "not replayable"},
           Case{"gRPC 14", kGrpc, grpc(14), "not idempotent", "again after 13ms"},
           Case{"gRPC 13", kGrpc, grpc(13), "no failure", "no failure"},
           Case{"gRPC 0", kGrpc, grpc(0), "no failure", "no failure"},
           Case{"gRPC, no answer", kGrpc, kNoAnswer, "not idempotent", "again after 13ms"},
       }) {
    EXPECT_EQ(play(retries(1), each.facts, {each.outcome}), Transcript{each.safe}) << each.name;
    EXPECT_EQ(play(retries(1, true), each.facts, {each.outcome}), Transcript{each.unsafe}) << each.name << ", unsafe";
  }
}

TEST(Retry, FurtherStatusesFailWhereTheCallSaysSo) {
  manifest::Retries settings = retries(1);
  settings.on = {429, 500};
  EXPECT_EQ(play(settings, kGet, {answer(429)}), (Transcript{"again after 13ms"}));
  EXPECT_EQ(play(settings, kGet, {answer(500)}), (Transcript{"again after 13ms"}));
  EXPECT_EQ(play(settings, kGet, {answer(501)}), (Transcript{"no failure"}));
}

TEST(Retry, PausesDoubleAndAreAtRandomUpToThat) {
  const std::vector<TryOutcome> failing(7, answer(503));
  EXPECT_EQ(play(retries(6), kGet, failing, 0.9999999),
            (Transcript{"again after 25ms", "again after 50ms", "again after 100ms", "again after 200ms",
                        "again after 250ms", "again after 250ms", "tried enough"}));
  EXPECT_EQ(play(retries(2), kGet, {failing[0], failing[1]}, 0), (Transcript{"again at once", "again at once"}));
}

TEST(Retry, ManyRepetitionsDoNotOverflow) {
  const Transcript said = play(retries(90), kGet, std::vector<TryOutcome>(90, answer(503)), 0.9999999);
  EXPECT_EQ(said.back(), "again after 250ms");
}

TEST(Retry, ABodyThatGrewTooLongIsNotSentAgain) {
  const manifest::Retries settings = retries(2);
  RetryBudget budget(Share{10'000});
  RetryPolicy policy(settings, kGet, budget);
  EXPECT_EQ(to_string(policy.decide(answer(503), kMiddle, kStart)), "again after 13ms");
  policy.not_replayable();
  EXPECT_EQ(to_string(policy.decide(answer(503), kMiddle, kStart)), "not replayable");
  EXPECT_EQ(policy.repetitions(), 1U);
}

TEST(Retry, ASpentBudgetEndsIt) {
  const manifest::Retries settings = retries(10);
  RetryBudget budget(Share{0});
  RetryPolicy policy(settings, kGet, budget);
  Transcript said;
  for (int i = 0; i < 5; ++i) said.push_back(to_string(policy.decide(answer(503), 0, kStart)));
  EXPECT_EQ(said,
            (Transcript{"again at once", "again at once", "again at once", "budget is spent", "budget is spent"}));
  EXPECT_EQ(policy.repetitions(), 3U);
  EXPECT_EQ(to_string(policy.decide(kNeverSent, 0, kStart)), "again at once");
}

TEST(Retry, AFailureHasAName) {
  EXPECT_EQ(describe(kNeverSent), "never sent");
  EXPECT_EQ(describe(kNoAnswer), "no answer");
  EXPECT_EQ(describe(kTooSlow), "no answer in time");
  EXPECT_EQ(describe(kBrokenOff), "the answer broke off");
  EXPECT_EQ(describe(answer(503)), "503");
  EXPECT_EQ(describe(grpc(14)), "gRPC 14");
}

struct Spender {
  RetryBudget budget;
  RetryBudget::Time now = kStart;

  void requests(int count) {
    for (int i = 0; i < count; ++i) budget.deposit(now);
  }
  int spend_all() {
    int count = 0;
    while (budget.withdraw(now)) ++count;
    return count;
  }
};

TEST(RetryBudget, IsAShareOfTheRequestsAndAFloor) {
  Spender spender{RetryBudget(Share{2000})};
  spender.requests(1000);
  EXPECT_EQ(spender.spend_all(), 203);
  EXPECT_EQ(spender.spend_all(), 0);
}

TEST(RetryBudget, RareCallsMayRepeatThreeASecond) {
  Spender spender{RetryBudget(Share{2000})};
  EXPECT_EQ(spender.spend_all(), 3);
  spender.now += milliseconds(340);
  EXPECT_EQ(spender.spend_all(), 1);
  spender.now += seconds(1);
  EXPECT_EQ(spender.spend_all(), 3);
  spender.now += seconds(100);
  EXPECT_EQ(spender.spend_all(), 3);  // the floor is not saved up
}

TEST(RetryBudget, InAnyTenSecondsRepetitionsAreTheShare) {
  Spender spender{RetryBudget(Share{1000})};
  int spent = 0;
  for (int i = 0; i < 60; ++i) {
    spender.requests(100);
    spent += spender.spend_all();
    spender.now += seconds(1);
  }
  EXPECT_EQ(spent, 60 * 10 + 60 * 3);
}

TEST(RetryBudget, CalmIsSavedForTenSecondsOnly) {
  Spender spender{RetryBudget(Share{1000})};
  for (int i = 0; i < 60; ++i) {
    spender.requests(100);
    spender.now += seconds(1);
  }
  EXPECT_EQ(spender.spend_all(), 90 + 3);  // the tenth second has just begun
  spender.now += seconds(10);
  EXPECT_EQ(spender.spend_all(), 3);
}

TEST(RetryBudget, AnotherShareCountsFromNowOn) {
  Spender spender{RetryBudget(Share{1000})};
  spender.requests(100);
  EXPECT_EQ(spender.spend_all(), 13);
  spender.budget.configure(Share{2000});
  EXPECT_EQ(spender.spend_all(), 10);
}

}  // namespace
}  // namespace bulkhead::proxy
