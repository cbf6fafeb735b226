#include "control/backoff.hpp"

#include <gtest/gtest.h>

namespace bulkhead::control {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, DoublesUpToItsCap) {
  Backoff backoff({.first = milliseconds(100), .cap = milliseconds(1000), .forgiven_after = milliseconds(5000)});
  for (const int expected : {100, 200, 400, 800, 1000, 1000})
    EXPECT_EQ(backoff.after_run(milliseconds(10), 0.5).count(), expected);
}

TEST(Backoff, SpreadsByAQuarterEachWay) {
  EXPECT_EQ(Backoff().after_run(milliseconds(0), 0.0).count(), 75);
  EXPECT_EQ(Backoff().after_run(milliseconds(0), 0.999).count(), 124);
}

TEST(Backoff, ALongRunIsForgiven) {
  Backoff backoff({.first = milliseconds(100), .cap = milliseconds(1000), .forgiven_after = milliseconds(5000)});
  backoff.after_run(milliseconds(1), 0.5);
  backoff.after_run(milliseconds(1), 0.5);
  EXPECT_EQ(backoff.after_run(milliseconds(5000), 0.5).count(), 100);
}

TEST(Backoff, ManyFailuresDoNotOverflow) {
  Backoff backoff;
  milliseconds last{};
  for (int i = 0; i < 1000; ++i) last = backoff.after_run(milliseconds(1), 0.5);
  EXPECT_EQ(last.count(), 30'000);
}

}  // namespace
}  // namespace bulkhead::control
