#include "conditions/document.hpp"

#include <gtest/gtest.h>

namespace bulkhead::conditions {
namespace {

using nlohmann::json;

Value member(const Value& map, std::string_view name) {
  return map.find(Value::string(name)).value_or(Value::failure({Reason::no_such_key}));
}

TEST(Document, HasTheKindsOfItsMembers) {
  const Document document(json::parse(R"({"text": "a", "yes": true, "whole": -3, "large": 9223372036854775807,
    "larger": 18446744073709551615, "part": 1.5, "nothing": null, "list": [1, [2], {"a": 3}], "map": {}})"));
  const Value map = document.value();
  EXPECT_EQ(map.map_size(), 9U);
  EXPECT_EQ(member(map, "text").as_text(), "a");
  EXPECT_TRUE(member(map, "yes").is_true());
  EXPECT_EQ(member(map, "whole").as_int(), -3);
  EXPECT_EQ(member(map, "large").as_int(), std::numeric_limits<std::int64_t>::max());
  EXPECT_TRUE(member(map, "larger").is(Kind::float64)) << "no int holds it";
  EXPECT_EQ(member(map, "part").as_double(), 1.5);
  EXPECT_TRUE(member(map, "nothing").is(Kind::null));
  const Value list = member(map, "list");
  ASSERT_EQ(list.list_size(), 3U);
  EXPECT_EQ(list.element(1).element(0).as_int(), 2);
  EXPECT_EQ(member(list.element(2), "a").as_int(), 3);
  EXPECT_EQ(member(map, "map").map_size(), 0U);
  EXPECT_FALSE(map.find(Value::string("none")));
}

TEST(Document, TellsItsEntriesInOneOrder) {
  const Document document(json{{"b", 2}, {"a", 1}});
  EXPECT_EQ(document.value().entry(0).key.as_text(), "a");
  EXPECT_EQ(document.value().entry(1).value.as_int(), 2);
}

}  // namespace
}  // namespace bulkhead::conditions
