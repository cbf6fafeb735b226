#include "proxy/sliding_counts.hpp"

#include <gtest/gtest.h>

namespace bulkhead::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Counts = SlidingCounts::Counts;

const SlidingCounts::Time kStart{seconds(1000)};

TEST(SlidingCounts, ForgetsAStepAtATime) {
  SlidingCounts counts{seconds(10)};
  counts.add({5, 1}, kStart);
  counts.add({7, 2}, kStart + seconds(4));
  EXPECT_EQ(counts.sum(kStart + seconds(4)), (Counts{12, 3}));
  EXPECT_EQ(counts.sum(kStart + milliseconds(9'999)), (Counts{12, 3}));
  EXPECT_EQ(counts.sum(kStart + seconds(10)), (Counts{7, 2}));
  EXPECT_EQ(counts.sum(kStart + milliseconds(13'999)), (Counts{7, 2}));
  EXPECT_EQ(counts.sum(kStart + seconds(14)), (Counts{0, 0}));
}

TEST(SlidingCounts, AStepThatComesRoundStartsAnew) {
  SlidingCounts counts{seconds(10)};
  counts.add({5, 1}, kStart);
  counts.add({1, 0}, kStart + seconds(10));
  EXPECT_EQ(counts.sum(kStart + seconds(10)), (Counts{1, 0}));
}

TEST(SlidingCounts, AHundredPeriodsLaterNothingIsLeft) {
  SlidingCounts counts{seconds(10)};
  for (int i = 0; i < 10; ++i) counts.add({1, 1}, kStart + seconds(i));
  EXPECT_EQ(counts.sum(kStart + seconds(9)), (Counts{10, 10}));
  EXPECT_EQ(counts.sum(kStart + seconds(1000)), (Counts{0, 0}));
}

TEST(SlidingCounts, AnotherSpanKeepsWhatIsNotForgotten) {
  SlidingCounts counts{seconds(10)};
  counts.add({3, 0}, kStart);
  counts.add({4, 1}, kStart + seconds(8));
  counts.resize(seconds(1), kStart + seconds(12));
  EXPECT_EQ(counts.sum(kStart + seconds(12)), (Counts{4, 1}));
  EXPECT_EQ(counts.sum(kStart + seconds(13)), (Counts{0, 0}));
}

TEST(SlidingCounts, TheShortestSpanDividesByNothing) {
  SlidingCounts counts{std::chrono::nanoseconds(0)};
  counts.add({1, 1}, kStart);
  EXPECT_EQ(counts.sum(kStart), (Counts{1, 1}));
}

}  // namespace
}  // namespace bulkhead::proxy
