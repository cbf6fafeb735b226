#include "proxy/balance.hpp"

#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace bulkhead::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
const std::chrono::steady_clock::time_point kStart{seconds(1000)};

Draw draws(unsigned seed) {
  return [engine = std::mt19937(seed)](std::size_t bound) mutable { return engine() % bound; };
}

TEST(Balance, NobodyUsableIsNobody) {
  EXPECT_FALSE(choose({}, draws(1)).has_value());
  const std::vector<Load> out{{0, 1, false}, {0, 1, false}};
  EXPECT_FALSE(choose(out, draws(1)).has_value());
}

TEST(Balance, TheOnlyUsableOneIsIt) {
  const std::vector<Load> loads{{0, 1, false}, {9, 900, true}, {0, 1, false}};
  EXPECT_EQ(choose(loads, draws(1)), 1U);
}

TEST(Balance, OfTwoTheLessLoadedIsChosenWhateverIsDrawn) {
  const std::vector<Load> loads{{5, 100, true}, {1, 100, true}};
  for (unsigned seed = 0; seed < 20; ++seed) EXPECT_EQ(choose(loads, draws(seed)), 1U);
}

TEST(Balance, ASlowOneGetsLessThanAQuickOne) {
  const std::vector<Load> loads{{0, 10'000, true}, {3, 100, true}};
  for (unsigned seed = 0; seed < 20; ++seed) EXPECT_EQ(choose(loads, draws(seed)), 1U);
}

TEST(Balance, EqualsShare) {
  const std::vector<Load> loads(4, Load{1, 100, true});
  std::vector<int> counts(4);
  const Draw draw = draws(7);
  for (int i = 0; i < 4000; ++i) ++counts[*choose(loads, draw)];
  for (const int count : counts) EXPECT_GT(count, 500);
}

TEST(Balance, TheMostLoadedOfManyIsNeverChosen) {
  const std::vector<Load> loads{{1, 100, true}, {50, 100, true}, {2, 100, true}, {0, 1, false}};
  const Draw draw = draws(3);
  for (int i = 0; i < 1000; ++i) {
    const auto chosen = choose(loads, draw);
    EXPECT_TRUE(chosen == 0U || chosen == 2U);
  }
}

TEST(Balance, TheLeastBitSlowerIsNotStarved) {
  const std::vector<Load> loads{{0, 210, true}, {0, 200, true}, {0, 900, true}};
  std::vector<int> counts(3);
  const Draw draw = draws(5);
  for (int i = 0; i < 3000; ++i) ++counts[*choose(loads, draw)];
  for (const int count : counts) EXPECT_GT(count, 500);
}

LatencyMean warm() {
  LatencyMean mean;
  for (unsigned i = 0; i < LatencyMean::kWarmUp; ++i) mean.record(milliseconds(700), kStart);
  return mean;
}

TEST(LatencyMean, TheFirstAnswersDoNotCount) { EXPECT_DOUBLE_EQ(warm().micros(kStart), 1); }

TEST(LatencyMean, RisesAtOnceAndFallsSlowly) {
  LatencyMean mean = warm();
  mean.record(milliseconds(1), kStart);
  EXPECT_DOUBLE_EQ(mean.micros(kStart), 1000);
  mean.record(milliseconds(100), kStart + milliseconds(1));
  EXPECT_DOUBLE_EQ(mean.micros(kStart + milliseconds(1)), 100'000);
  mean.record(milliseconds(1), kStart + milliseconds(2));
  EXPECT_GT(mean.micros(kStart + milliseconds(2)), 90'000);
  mean.record(milliseconds(1), kStart + seconds(60));
  EXPECT_LT(mean.micros(kStart + seconds(60)), 2'000);
}

TEST(LatencyMean, WithoutAnswersItIsForgotten) {
  LatencyMean mean = warm();
  mean.record(seconds(1), kStart);
  EXPECT_GT(mean.micros(kStart + seconds(1)), 900'000);
  EXPECT_LT(mean.micros(kStart + seconds(80)), 1'000);
}

TEST(LatencyMean, IsNeverNothing) { EXPECT_DOUBLE_EQ(LatencyMean().micros(kStart), 1); }

}  // namespace
}  // namespace bulkhead::proxy
