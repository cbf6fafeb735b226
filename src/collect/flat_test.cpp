#include "collect/flat.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/result.hpp"

namespace bulkhead::collect {
namespace {

// "key=text|number" of each member; "!" at the end where it is a mistake.
std::string members_of(std::string_view text) {
  FlatObject object(text);
  std::string all;
  while (object.next()) all += fmt::format("{}={}|{};", object.key(), object.text(), object.number());
  return all + (object.mistaken() ? "!" : "");
}

TEST(FlatObject, MembersComeInOrder) {
  EXPECT_EQ(members_of(R"({"a":"x","b":12,"c":-3,"d":true,"e":null})"), "a=x|0;b=|12;c=|-3;d=|0;e=|0;");
  EXPECT_EQ(members_of("{}"), "");
  EXPECT_EQ(members_of(" { \"a\" : 1 , \"b\" : 2 } "), "a=|1;b=|2;");
}

TEST(FlatObject, EscapesBecomeCharacters) {
  EXPECT_EQ(members_of(R"({"a":"\"\\\/\n\u00e9\u20ac","\u0062":"\ud83d\ude00"})"),
            "a=\"\\/\n\u00e9\u20ac|0;b=\U0001F600|0;");
  EXPECT_EQ(members_of(R"({"half":"\ud83d!","low":"\udc00","two":"\ud83d\u0041"})"),
            "half=\uFFFD!|0;low=\uFFFD|0;two=\uFFFDA|0;");
}

TEST(FlatObject, NumbersAreWholeAndWithinTheirRange) {
  EXPECT_EQ(members_of(R"({"a":1.9,"b":2e3,"c":99999999999999999999,"d":-99999999999999999999,"e":0})"),
            "a=|1;b=|2;c=|9223372036854775807;d=|-9223372036854775807;e=|0;");
}

TEST(FlatObject, WhatIsNotOneFlatObjectIsAMistake) {
  for (const char* text : {"", "[]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1 \"b\":2}", "{\"a\":[1]}",
                           "{\"a\":{}}", "{\"a\":\"x}", "{\"a\":1}x", "{\"a\":01}", "{\"a\":-}", "{\"a\":1.}",
                           "{\"a\":1e}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":\"\n\"}"})
    EXPECT_TRUE(members_of(text).ends_with("!")) << text;
}

}  // namespace
}  // namespace bulkhead::collect
