#include "control/trial.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bulkhead::control {
namespace {

using namespace std::chrono_literals;

class TrialTest : public testing::Test {
 protected:
  // So many more requests came, and were answered after so long each; 0: not yet.
  std::string look(int requests, int errors, std::chrono::milliseconds latency) {
    now += 1s;
    if (latency.count() == 0) totals.unanswered += static_cast<std::uint64_t>(requests);
    for (int i = 0; i < requests && latency.count() > 0; ++i) {
      ++totals.requests;
      totals.latency.record(latency);
    }
    totals.errors += static_cast<std::uint64_t>(errors);
    return trial.look(bounds, totals, now);
  }

  manifest::AutoRollback bounds{.errors = manifest::Share{200}, .p99 = 300ms};
  Totals totals;
  Trial trial;
  Time now = Time() + 1h;
};

TEST_F(TrialTest, AFewRequestsSayNothing) {
  EXPECT_EQ(look(19, 19, 5s), "");
  EXPECT_EQ(look(1, 0, 5ms), "19 of 20 answers failed, more than 2%");
}

TEST_F(TrialTest, WhatKeepsTheBoundsIsLeftAlone) {
  for (int second = 0; second < 60; ++second) EXPECT_EQ(look(100, 2, 200ms), "");
}

TEST_F(TrialTest, SlowAnswersBreakThem) {
  EXPECT_EQ(look(100, 0, 5ms), "");
  EXPECT_THAT(look(5, 0, 700ms), testing::MatchesRegex("its p99 is [67].. ms over 105 answers, above 300ms"));
}

TEST_F(TrialTest, NoAnswersBreakThem) {
  EXPECT_EQ(look(30, 0, 0ms), "");  // they may just have come
  EXPECT_EQ(look(0, 0, 0ms), "30 of 30 requests have no answer after 300ms");
}

TEST_F(TrialTest, WhereAllCallersWaitNoMoreRequestsCome) {
  EXPECT_EQ(look(2, 0, 5ms), "");
  EXPECT_EQ(look(4, 0, 0ms), "");
  EXPECT_EQ(look(1, 0, 0ms), "");
  EXPECT_EQ(look(0, 0, 0ms), "5 of 7 requests have no answer after 300ms");
}

TEST_F(TrialTest, RequestsThatJustCameAreNotLate) {
  for (int second = 0; second < 60; ++second) {
    EXPECT_EQ(look(40, 0, 0ms), "");
    totals.unanswered = 0;
    EXPECT_EQ(look(40, 0, 10ms), "");
  }
}

TEST_F(TrialTest, OneThatWaitsAmongHundredsIsNoReason) {
  EXPECT_EQ(look(200, 0, 5ms), "");
  EXPECT_EQ(look(1, 0, 0ms), "");
  EXPECT_EQ(look(0, 0, 0ms), "");
}

TEST_F(TrialTest, WithoutABoundOfLatencyOnlyErrorsCount) {
  bounds.p99 = 0ms;
  EXPECT_EQ(look(100, 0, 10s), "");
  EXPECT_EQ(look(0, 3, 0ms), "3 of 100 answers failed, more than 2%");
}

}  // namespace
}  // namespace bulkhead::control
