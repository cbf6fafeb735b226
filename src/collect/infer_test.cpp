#include "collect/infer.hpp"

#include <cmath>
#include <queue>
#include <random>
#include <unordered_map>
#include <unordered_set>

#include <gtest/gtest.h>

#include "collect/infer_service_test.hpp"

namespace bulkhead::collect {
namespace {

using simulated::Load;
using simulated::Score;
using simulated::Traffic;

constexpr std::int64_t kEver = INT64_MAX;

Score scored(const Load& load) {
  Traffic traffic = simulated::simulate(load);
  Inference inference;
  return simulated::score(traffic, simulated::infer(inference, traffic));
}

double share(std::size_t part, std::size_t whole) { return static_cast<double>(part) / static_cast<double>(whole); }

// What must hold of any joins, of whatever spans.
void expect_possible(const Traffic& traffic, const std::vector<Join>& joins) {
  std::unordered_map<std::uint64_t, Incoming> requests;
  std::unordered_map<std::uint64_t, Outgoing> calls;
  for (const Incoming& request : traffic.requests) requests.emplace(request.id, request);
  for (const Outgoing& call : traffic.calls) calls.emplace(call.id, call);
  std::unordered_set<std::uint64_t> joined;
  for (const Join& join : joins) {
    ASSERT_TRUE(requests.contains(join.incoming) && calls.contains(join.outgoing));
    const Incoming& request = requests.at(join.incoming);
    const Outgoing& call = calls.at(join.outgoing);
    EXPECT_GE(call.start_us, request.start_us);
    EXPECT_LE(call.end_us, request.end_us);
    EXPECT_TRUE(joined.insert(join.outgoing).second) << "joined twice";
    EXPECT_GE(join.confidence, InferenceLimits{}.least_confidence);
    EXPECT_LE(join.confidence, 1.0);
  }
}

Traffic noise(std::uint64_t seed, std::size_t count, int longest_us) {
  std::mt19937_64 random(seed);
  auto below = [&](int most) { return std::uniform_int_distribution(0, most)(random); };
  Traffic traffic;
  for (std::uint64_t id = 1; id <= count; ++id) {
    std::int64_t start = below(static_cast<int>(count) * 100);
    std::int64_t end = start + below(longest_us);
    if (below(3) == 0) {
      traffic.requests.push_back({id, static_cast<std::uint32_t>(below(4)), start, end});
    } else {
      traffic.calls.push_back({id, static_cast<std::uint32_t>(below(6)), start, start + below(longest_us / 4), {}});
    }
  }
  return traffic;
}

TEST(Inference, JoinsWhatASingleRequestDid) {
  Inference inference;
  inference.add(Outgoing{11, 0, 1'400, 5'000, {}});
  inference.add(Outgoing{12, 1, 5'300, 8'000, {}});
  inference.add(Incoming{10, 0, 1'000, 8'500});
  auto joins = inference.settle(kEver);
  ASSERT_EQ(joins.size(), 2U);
  EXPECT_EQ(joins[0].incoming, 10U);
  EXPECT_EQ(joins[1].incoming, 10U);
  EXPECT_EQ(inference.held(), 0U);
}

TEST(Inference, ServicesWithOneRequestAtATimeAreJoinedWhole) {
  for (const auto& shape : simulated::shapes()) {
    Score score = scored({.shape = shape.name, .clients = 1, .requests = 2'000});
    EXPECT_GE(share(score.whole, score.requests), 0.98) << shape.name;
  }
}

TEST(Inference, TenRequestsAtATimeAreMostlyJoinedWhole) {
  for (std::string shape : {"chain", "fan-out", "cached", "retries", "mixed", "pool"}) {
    Score score = scored({.shape = shape, .clients = 10, .requests = 2'500});
    EXPECT_GE(share(score.whole, score.requests), 0.9) << shape;
  }
}

TEST(Inference, ConfidenceIsHowOftenItIsRight) {
  std::array<std::size_t, 10> all{};
  std::array<std::size_t, 10> right{};
  for (std::string shape : {"chain", "cached", "mixed"}) {
    Score score = scored({.shape = shape, .clients = 40, .requests = 5'000, .seed = 7});
    for (std::size_t i = 0; i < 10; ++i) {
      all[i] += score.in_band[i];
      right[i] += score.right_in_band[i];
    }
  }
  EXPECT_GT(all[9], 10'000U);
  EXPECT_GE(share(right[9], all[9]), 0.97);
  for (std::size_t i = 4; i < 9; ++i) {
    ASSERT_GT(all[i], 100U);
    EXPECT_NEAR(share(right[i], all[i]), 0.1 * static_cast<double>(i) + 0.05, 0.15) << i;
  }
}

TEST(Inference, CallsAfterTheAnswerAreNobodys) {
  Traffic traffic = simulated::simulate({.shape = "later", .clients = 10, .requests = 3'000});
  Inference inference;
  std::size_t wrong = 0;
  for (const Join& join : simulated::infer(inference, traffic)) {
    if (!traffic.parents.contains(join.outgoing)) ++wrong;
  }
  EXPECT_LE(share(wrong, traffic.requests.size()), 0.05);  // each request makes one
}

TEST(Inference, CallsOfATimerAreNobodysMostly) {
  Traffic traffic = simulated::simulate({.shape = "beats", .clients = 1, .requests = 3'000});
  std::size_t beats = traffic.calls.size() - traffic.parents.size();
  ASSERT_GT(beats, 1'000U);
  Inference inference;
  std::size_t wrong = 0;
  for (const Join& join : simulated::infer(inference, traffic)) {
    if (!traffic.parents.contains(join.outgoing)) ++wrong;
  }
  EXPECT_LE(share(wrong, beats), 0.05);
}

TEST(Inference, WhatHeadersTellIsLearnedFromAndNotJoined) {
  Inference inference;
  Traffic lesson = simulated::simulate({.shape = "cached", .clients = 10, .requests = 2'000, .seed = 3});
  EXPECT_TRUE(simulated::infer(inference, lesson, 1.0).empty());
  Traffic traffic =
      simulated::simulate({.shape = "cached", .clients = 40, .requests = 2'000, .begin_us = 5'000'000'000});
  Score score = simulated::score(traffic, simulated::infer(inference, traffic));
  EXPECT_GE(share(score.whole, score.requests), 0.7);
}

TEST(Inference, WhatHeadersTellOfSomeHelpsTheOthers) {
  Traffic traffic = simulated::simulate({.shape = "chain", .clients = 40, .requests = 3'000});
  Inference inference;
  auto joins = simulated::infer(inference, traffic, 0.5);
  expect_possible(traffic, joins);
  std::size_t right = 0;
  for (const Join& join : joins) {
    auto parent = traffic.parents.find(join.outgoing);
    if (parent != traffic.parents.end() && parent->second == join.incoming) ++right;
  }
  EXPECT_GE(share(right, joins.size()), 0.9);
  EXPECT_NEAR(share(joins.size(), traffic.calls.size()), 0.5, 0.1);
}

TEST(Inference, FollowsAServiceThatChanges) {
  Inference inference;
  simulated::infer(inference, simulated::simulate({.shape = "chain", .clients = 40, .requests = 4'000}));
  Traffic change = simulated::simulate({.shape = "mixed", .clients = 40, .requests = 4'000, .begin_us = 3'000'000'000});
  simulated::infer(inference, change);
  Traffic after =
      simulated::simulate({.shape = "mixed", .clients = 40, .requests = 4'000, .seed = 2, .begin_us = 6'000'000'000});
  Score score = simulated::score(after, simulated::infer(inference, after));
  EXPECT_GE(share(score.whole, score.requests), 0.9);
}

// A program of one thread, which does what comes in the order in which it comes: three calls, the last of them not
// always.
Traffic one_thread(int clients, std::size_t requests, std::int64_t begin_us, std::uint64_t first_id) {
  std::mt19937_64 random(first_id);
  const auto lognormal = [&](double median_us, double sigma) {
    return std::llround(median_us * std::exp(std::normal_distribution(0.0, sigma)(random)));
  };
  struct Event {
    std::int64_t at_us;
    std::size_t request;
    int step;  // calls made so far
    bool operator>(const Event& other) const { return at_us > other.at_us; }
  };
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events;
  Traffic traffic;
  std::uint64_t id = first_id;
  const auto arrive = [&](std::int64_t at_us) {
    if (traffic.requests.size() == requests) return;
    traffic.requests.push_back({++id, 0, at_us, 0});
    events.push({at_us, traffic.requests.size() - 1, 0});
  };
  for (int client = 0; client < clients; ++client) arrive(begin_us + client * 100);
  for (std::int64_t free_us = begin_us; !events.empty();) {
    const Event event = events.top();
    events.pop();
    free_us = std::max(free_us, event.at_us) + lognormal(500, 0.3);
    Incoming& request = traffic.requests[event.request];
    if (event.step == 3 || (event.step == 2 && std::bernoulli_distribution(0.1)(random))) {
      request.end_us = free_us;
      arrive(free_us + lognormal(1'000, 0.5));
      continue;
    }
    const std::int64_t end_us = free_us + lognormal(2'000, 0.5);
    traffic.calls.push_back({++id, static_cast<std::uint32_t>(event.step), free_us, end_us, {}});
    traffic.parents[id] = request.id;
    events.push({end_us, event.request, event.step + 1});
  }
  return traffic;
}

TEST(Inference, WhereRequestsWaitForTheProgramTheirOrderTells) {
  Inference inference;
  const Traffic quiet = one_thread(1, 2'000, 1'000'000'000, 0);
  EXPECT_EQ(simulated::score(quiet, simulated::infer(inference, quiet)).whole, 2'000U);
  const Traffic busy = one_thread(20, 4'000, 100'000'000'000, 1'000'000);
  const auto score = simulated::score(busy, simulated::infer(inference, busy));
  EXPECT_GT(score.whole, 3'600U);
  EXPECT_GT(score.right, score.joins * 95 / 100);
  // And when it is quiet again.
  const Traffic again = one_thread(1, 1'000, 200'000'000'000, 2'000'000);
  EXPECT_GT(simulated::score(again, simulated::infer(inference, again)).whole, 990U);
}

TEST(Inference, WaitsForRequestsThatCouldStillEnd) {
  Inference inference;
  inference.add(Incoming{1, 0, 0, 2'000'000});
  inference.add(Outgoing{2, 0, 2'100'000, 2'200'000, {}});
  inference.add(Incoming{3, 0, 2'050'000, 2'300'000});
  EXPECT_TRUE(inference.settle(2'300'000).empty());  // one that takes two seconds, too, may have made it
  auto joins = inference.settle(9'000'000);
  ASSERT_EQ(joins.size(), 1U);
  EXPECT_EQ(joins[0].incoming, 3U);
}

TEST(Inference, ACallThatWaitsForALongRequestIsSettledOnce) {
  Inference inference;
  inference.add(Outgoing{2, 0, 1'000, 2'000, 1});
  inference.add(Outgoing{3, 0, 3'000, 4'000, {}});
  inference.add(Incoming{1, 0, 500, 5'000'000});
  inference.add(Incoming{4, 0, 9'000'000, 9'100'000});
  std::vector<Join> joins;
  for (std::int64_t now = 9'100'000; now < 30'000'000; now += 500'000) {
    for (const Join& join : inference.settle(now)) joins.push_back(join);
  }
  ASSERT_EQ(joins.size(), 1U);
  EXPECT_EQ(joins[0].outgoing, 3U);
  EXPECT_EQ(inference.held(), 0U);
}

TEST(Inference, JoinsNothingImpossibleWhateverTheSpans) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    Traffic traffic = noise(seed, 1'500, 200 << (seed % 8));
    Inference inference;
    expect_possible(traffic, simulated::infer(inference, traffic));
    EXPECT_EQ(inference.held(), 0U);
  }
}

TEST(Inference, LeavesOutWhatIsNoSpan) {
  Inference inference({.kinds = 4});
  inference.add(Incoming{1, 0, 100, 50});
  inference.add(Incoming{2, 4, 100, 150});
  inference.add(Outgoing{3, 0, 100, 50, {}});
  inference.add(Outgoing{4, 4, 100, 150, {}});
  inference.add(Outgoing{5, 0, INT64_MIN, INT64_MAX, {}});
  inference.add(Incoming{6, 0, 0, INT64_MAX});
  EXPECT_EQ(inference.held(), 0U);
}

TEST(Inference, HoldsNoMoreThanItMay) {
  Inference inference({.held = 2'000});
  Traffic traffic = simulated::simulate({.shape = "chain", .clients = 10, .requests = 3'000});
  std::vector<Join> joins;
  for (std::size_t i = 0; i < traffic.requests.size(); ++i) {
    inference.add(traffic.requests[i]);
    for (std::size_t j = 3 * i; j < 3 * i + 3; ++j) inference.add(traffic.calls[j]);
    auto more = inference.settle(traffic.requests.front().end_us);  // as if no time passed
    joins.insert(joins.end(), more.begin(), more.end());
    ASSERT_LE(inference.held(), 2'500U);
  }
  expect_possible(traffic, joins);
}

TEST(Inference, TenThousandRequestsAtOnceAreNoProblem) {
  Inference inference;
  simulated::infer(inference, simulated::simulate({.shape = "chain", .clients = 10, .requests = 2'000}));
  Traffic traffic =
      simulated::simulate({.shape = "chain", .clients = 20'000, .requests = 40'000, .begin_us = 9'000'000'000});
  ASSERT_GT(traffic.busy, 7'000);
  auto joins = simulated::infer(inference, traffic);
  expect_possible(traffic, joins);
  EXPECT_GT(joins.size(), 0U);
}

TEST(Inference, TheSameSpansGiveTheSameJoins) {
  Traffic traffic = simulated::simulate({.shape = "retries", .clients = 20, .requests = 2'000});
  Inference one;
  Inference other;
  EXPECT_EQ(simulated::infer(one, traffic), simulated::infer(other, traffic));
}

}  // namespace
}  // namespace bulkhead::collect
