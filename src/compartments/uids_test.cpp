#include "compartments/uids.hpp"

#include <gtest/gtest.h>

namespace bulkhead::compartments {
namespace {

const auto kNothingTaken = [](std::uint32_t) { return false; };

TEST(UidsTest, ARangeIsFoundByNameOrNumber) {
  const char* text = "root:1:2\nalice:100000:65536\n1001:300000:10\nbroken\n";
  EXPECT_EQ(*parse_subordinate(text, "alice", 1001), (std::vector<IdRange>{{100'000, 65'536}, {300'000, 10}}));
  EXPECT_TRUE(parse_subordinate(text, "bob", 1002)->empty());
}

TEST(UidsTest, ABrokenLineOfTheUsersOwnIsNamed) {
  for (const char* line : {"alice:", "alice:1", "alice:x:5", "alice:0:5", "alice:5:0", "alice:-1:5", "alice:1:2:3",
                           "alice:4294967295:1", "alice: 1:2", "alice:99999999999:1"}) {
    EXPECT_FALSE(parse_subordinate(line, "alice", 1001)) << line;
    EXPECT_TRUE(parse_subordinate(line, "bob", 1002)) << line;
  }
}

// Volumes belong to these ids on disk: the answers may never change.
TEST(UidsTest, TheChoiceIsTheSameInEveryRelease) {
  EXPECT_EQ(*choose_index(100'000, "/var/lib/bulkhead", "shop", "catalog", kNothingTaken), 11'372U);
  EXPECT_EQ(*choose_index(100'000, "/var/lib/bulkhead", "shop", "checkout", kNothingTaken), 79'709U);
}

TEST(UidsTest, PartsDoNotRunIntoEachOther) {
  EXPECT_NE(*choose_index(100'000, "/s", "ab", "c", kNothingTaken),
            *choose_index(100'000, "/s", "a", "bc", kNothingTaken));
}

TEST(UidsTest, ATakenIdIsStepped) {
  const auto wish = *choose_index(10, "/s", "a", "b", kNothingTaken);
  const auto next = choose_index(10, "/s", "a", "b", [&](std::uint32_t index) { return index == wish; });
  EXPECT_EQ(*next, (wish + 1) % 10);
}

TEST(UidsTest, WhenAllAreTakenThatIsSaid) {
  EXPECT_EQ(choose_index(10, "/s", "a", "b", [](std::uint32_t) { return true; }).error().cause, Cause::exhausted);
  EXPECT_EQ(choose_index(0, "/s", "a", "b", kNothingTaken).error().cause, Cause::exhausted);
}

}  // namespace
}  // namespace bulkhead::compartments
