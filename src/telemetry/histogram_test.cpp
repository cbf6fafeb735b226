#include "telemetry/histogram.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace bulkhead::telemetry {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

TEST(Histogram, AnEmptyOneAnswersZero) {
  const Histogram empty;
  EXPECT_EQ(empty.quantile_micros(0.5), 0U);
  EXPECT_EQ(empty.count(), 0U);
}

TEST(Histogram, EveryValueComesBackWithinTwoPercent) {
  for (std::uint64_t value = 1; value <= 60'000'000; value += 1 + value / 50) {
    Histogram one;
    one.record(microseconds(value));
    Histogram two = one;
    two.record(seconds(60));
    const auto found = static_cast<double>(two.quantile_micros(0.5));
    EXPECT_LE(std::abs(found - static_cast<double>(value)), 0.02 * static_cast<double>(value)) << value;
  }
}

TEST(Histogram, QuantilesOfAnEvenSpreadAreWhereTheyBelong) {
  Histogram spread;
  for (int i = 1; i <= 10'000; ++i) spread.record(microseconds(i));
  EXPECT_NEAR(static_cast<double>(spread.quantile_micros(0.5)), 5000, 100);
  EXPECT_NEAR(static_cast<double>(spread.quantile_micros(0.99)), 9900, 198);
  EXPECT_EQ(spread.quantile_micros(1), spread.max_micros());
}

TEST(Histogram, WhatLiesOutsideIsCountedAtTheEdge) {
  Histogram histogram;
  histogram.record(std::chrono::nanoseconds(-5));
  histogram.record(std::chrono::hours(2));
  EXPECT_EQ(histogram.count(), 2U);
  EXPECT_EQ(histogram.max_micros(), 7'200'000'000U);
  EXPECT_EQ(histogram.quantile_micros(0.1), 1U);
}

TEST(Histogram, TwoOfThemAddUp) {
  Histogram left;
  Histogram right;
  Histogram both;
  for (int i = 1; i < 1000; ++i) {
    (i % 2 == 0 ? left : right).record(microseconds(i * 37));
    both.record(microseconds(i * 37));
  }
  left.merge(right);
  EXPECT_EQ(left, both);
}

TEST(Histogram, TravelsAsText) {
  Histogram histogram;
  for (int i = 1; i < 100; ++i) histogram.record(microseconds(i * i));
  const auto back = Histogram::decode(histogram.encode());
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back, histogram);
  EXPECT_EQ(Histogram().encode(), "v1;0;0;0;");
}

TEST(Histogram, RefusesTextThatItDidNotWrite) {
  for (const char* text :
       {"", "v1", "v1;1;1;1;", "v1;1;1;1;3:1", "v1;1;1;1;9999:1,", "v1;2;2;1;3:1,3:1,", "v1;1;1;1;3:0,",
        "v1;1;1;1;03:1,", "v2;0;0;0;", "v1;0;0;0; ", "v1;1;1;1;3:99999999999999999999,", "v1;-1;1;1;3:1,"}) {
    EXPECT_FALSE(Histogram::decode(text).has_value()) << text;
  }
}

TEST(Histogram, WhatCameSinceAnEarlierCopyIsWhatIsLeftWithoutIt) {
  Histogram all;
  for (const int micros : {10, 20, 5000}) all.record(std::chrono::microseconds(micros));
  const Histogram before = all;
  for (const int micros : {30, 40}) all.record(std::chrono::microseconds(micros));
  Histogram expected;
  for (const int micros : {30, 40}) expected.record(std::chrono::microseconds(micros));
  all.subtract(before);
  EXPECT_EQ(all.count(), expected.count());
  EXPECT_EQ(all.sum_micros(), expected.sum_micros());
  EXPECT_EQ(all.quantile_micros(0.99), expected.quantile_micros(0.99));
  EXPECT_EQ(all.max_micros(), 40U);
  const auto decoded = Histogram::decode(all.encode());
  ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
  EXPECT_EQ(*decoded, all);
  all.subtract(all);
  EXPECT_EQ(all, Histogram());
}

}  // namespace
}  // namespace bulkhead::telemetry
