#include "cli/table.hpp"

#include <gtest/gtest.h>

namespace bulkhead::cli {
namespace {

TEST(Table, PadsToTheWidestCellCountingCharacters) {
  EXPECT_EQ(
      table({"NAME", "P50"}, {{{"a"}, {"1.0 ms", Tone::plain, true}}, {{"long-name"}, {"12 µs", Tone::plain, true}}}),
      "NAME          P50\n"
      "a          1.0 ms\n"
      "long-name   12 µs\n");
}

TEST(Table, LeavesNoSpacesAtTheEndOfALine) { EXPECT_EQ(table({"A", "STATE"}, {{{"x"}, {"ok"}}}), "A  STATE\nx  ok\n"); }

TEST(DurationText, PicksAUnit) {
  EXPECT_EQ(duration_text(999), "999 µs");
  EXPECT_EQ(duration_text(1234), "1.2 ms");
  EXPECT_EQ(duration_text(3'400'000), "3.4 s");
}

TEST(TimeLeftText, SaysWhenItIsOver) {
  EXPECT_EQ(time_left_text(-1), "ended");
  EXPECT_EQ(time_left_text(3240), "54 min");
  EXPECT_EQ(time_left_text(8000), "2 h");
}

}  // namespace
}  // namespace bulkhead::cli
