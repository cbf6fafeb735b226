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

// Of 10,000 choices, how many the first gets.
int chosen_first(const std::vector<Load>& loads) {
  const Draw draw = draws(11);
  int count = 0;
  for (int i = 0; i < 10'000; ++i) count += choose(loads, draw) == 0U ? 1 : 0;
  return count;
}

TEST(SlowStart, AWeightIsThePartOfWhatItWouldWin) {
  struct Case {
    double cold, warm;
    int share;  // of 10,000
  };
  for (const auto& [cold, warm, share] :
       {Case{1, 1, 5000}, Case{0.5, 1, 2500}, Case{0.1, 1, 500}, Case{0.1, 0.1, 5000}, Case{0.1, 0.2, 2500}}) {
    const std::vector<Load> idle{{0, 1, true, cold}, {0, 1, true, warm}};
    EXPECT_NEAR(chosen_first(idle), share, 200) << cold << " beside " << warm;
  }
}

TEST(SlowStart, AColdOneIsStillSparedWhatItWouldLose) {
  EXPECT_EQ(chosen_first({{5, 1, true, 0.5}, {0, 1, true, 1}}), 0);
  EXPECT_NEAR(chosen_first({{0, 1, true, 0.5}, {50, 1, true, 1}}), 5000, 200);
}

TEST(SlowStart, TheOnlyOneGetsAllHoweverCold) {
  EXPECT_EQ(chosen_first({{0, 1, true, kColdWeight}, {0, 1, false}}), 10'000);
}

TEST(SlowStart, GrowsWithAge) {
  struct Case {
    milliseconds age;
    double weight;
  };
  for (const auto& [age, weight] : {Case{milliseconds(0), 0.1}, Case{milliseconds(999), 0.1}, Case{seconds(2), 0.2},
                                    Case{seconds(5), 0.5}, Case{seconds(10), 1}, Case{seconds(100), 1}})
    EXPECT_DOUBLE_EQ(slow_start_weight(age, seconds(10)), weight) << age.count();
  EXPECT_DOUBLE_EQ(slow_start_weight(milliseconds(0), milliseconds(0)), 1);
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
