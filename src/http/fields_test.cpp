#include "http/fields.hpp"

#include <gtest/gtest.h>

namespace bulkhead::http {
namespace {

TEST(Fields, KeepsOrderAndCaseAndComparesWithoutIt) {
  Fields fields{{"Host", "a"}, {"X-One", "1"}, {"x-one", "2"}};
  EXPECT_EQ(fields.find("x-ONE"), "1");
  EXPECT_EQ(fields.all("X-One"), (std::vector<std::string_view>{"1", "2"}));
  EXPECT_EQ(fields.joined("x-one"), "1, 2");
  EXPECT_EQ(fields[1].name, "X-One");
  EXPECT_EQ(fields.count("x-one"), 2U);
}

TEST(Fields, SetReplacesAllInThePlaceOfTheFirst) {
  Fields fields{{"a", "1"}, {"b", "2"}, {"A", "3"}};
  fields.set("A", "4");
  ASSERT_EQ(fields.size(), 2U);
  EXPECT_EQ(fields[0].value, "4");
  EXPECT_EQ(fields[1].value, "2");
  EXPECT_EQ(fields.remove("B"), 1U);
  EXPECT_FALSE(fields.has("b"));
}

TEST(Fields, TakesViewsIntoItself) {
  Fields fields{{"a", std::string(40, 'x')}};
  for (int i = 0; i < 20; ++i) fields.add(fields[0].name, fields[0].value);
  EXPECT_EQ(fields[20].value, std::string(40, 'x'));
}

TEST(Fields, FindsMembersOfLists) {
  const Fields fields{{"Connection", "close , TE"}, {"connection", "x"}};
  EXPECT_TRUE(fields.lists("connection", "te"));
  EXPECT_TRUE(fields.lists("connection", "X"));
  EXPECT_FALSE(fields.lists("connection", "clos"));
}

TEST(Fields, KnowsWhatAValueMayHold) {
  for (int c = 0; c < 256; ++c) {
    const bool good = c == '\t' || (c >= 0x20 && c != 0x7f);
    for (std::size_t at = 0; at < 40; ++at) {
      std::string value(40, 'v');
      value[at] = static_cast<char>(c);
      EXPECT_EQ(is_field_value(value), good) << c << " at " << at;
    }
  }
}

}  // namespace
}  // namespace bulkhead::http
