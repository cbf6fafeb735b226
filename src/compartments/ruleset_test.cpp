#include "compartments/ruleset.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bulkhead::compartments {
namespace {

using testing::HasSubstr;

TEST(RulesetTest, DoorsGoIntoTheSetOfTheirFamily) {
  const auto text = render_ruleset({{"198.18.1.1", 8080}, {"127.0.0.1", 4001}, {"::1", 4001}});
  ASSERT_TRUE(text);
  EXPECT_THAT(
      *text,
      HasSubstr("set doors4 { type ipv4_addr . inet_service; elements = { 127.0.0.1 . 4001, 198.18.1.1 . 8080 }; }"));
  EXPECT_THAT(*text, HasSubstr("set doors6 { type ipv6_addr . inet_service; elements = { ::1 . 4001 }; }"));
}

TEST(RulesetTest, ADoorStatedTwiceIsOne) {
  const auto text = render_ruleset({{"::1", 1}, {"0:0:0:0:0:0:0:1", 1}});
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, HasSubstr("elements = { ::1 . 1 }"));
}

TEST(RulesetTest, WithoutDoorsTheSetsAreEmpty) {
  const auto text = render_ruleset({});
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, HasSubstr("set doors4 { type ipv4_addr . inet_service; }"));
}

TEST(RulesetTest, NoTextReachesTheFilterUnparsed) {
  for (const char* address : {"", "localhost", "198.18.1.1; flush ruleset", "198.18.1", "::1 . 1 }", "1.1.1.1/8"}) {
    EXPECT_FALSE(render_ruleset({{address, 1}})) << address;
  }
}

}  // namespace
}  // namespace bulkhead::compartments
