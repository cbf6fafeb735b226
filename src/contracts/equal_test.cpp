#include "contracts/equal.hpp"

#include <gtest/gtest.h>

namespace bulkhead::contracts {
namespace {

TEST(Equality, IsByValueAndNotByOrderOrSpelling) {
  const auto same = [](std::string_view a, std::string_view b) {
    Json left;
    Json right;
    EXPECT_FALSE(left.read(a));
    EXPECT_FALSE(right.read(b));
    return Equality().compare(left, 0, right, 0) == 0;
  };
  EXPECT_TRUE(same(R"({"a":1,"b":[2.0,"x"]})", R"({"b":[2,"\u0078"],"a":1e0})"));
  EXPECT_FALSE(same(R"({"a":1,"b":2})", R"({"a":2,"b":1})"));
  EXPECT_FALSE(same("[1,2]", "[2,1]"));
  EXPECT_FALSE(same("false", "0"));
  EXPECT_FALSE(same("9007199254740993", "9007199254740992"));
}

TEST(Equality, FindsItemsThatRepeat) {
  const auto repeats = [](std::string_view text) {
    Json json;
    EXPECT_FALSE(json.read(text));
    return Equality().has_repeats(json, 0);
  };
  EXPECT_TRUE(repeats(R"([{"a":1,"b":{"c":[]}},3,{"b":{"c":[]},"a":1.0}])"));
  EXPECT_FALSE(repeats(R"([{"a":1},{"a":2},1,true,"1",null,[],{}])"));
}

}  // namespace
}  // namespace bulkhead::contracts
