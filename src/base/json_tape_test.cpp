#include "base/json_tape.hpp"

#include <gtest/gtest.h>

namespace bulkhead::tape {
namespace {

using namespace std::string_literals;

std::string mistake_in(std::string_view text) {
  Json json;
  const auto mistake = json.read(text);
  return mistake ? std::string(mistake->what) : "";
}

TEST(JsonTape, IsReadIntoAFlatListThatRefersToTheText) {
  Json json;
  const std::string text = R"( {"a": [1, -2.5e3, true], "b\u00e9": {"c": "x\ny"}} )";
  ASSERT_FALSE(json.read(text));
  EXPECT_EQ(json[0].count, 2U);
  EXPECT_EQ(json.raw(*json.find("/a/1")), "-2.5e3");
  EXPECT_EQ(json.text(*json.find("/b\xc3\xa9/c")), "x\ny");
  EXPECT_FALSE(json.find("/a/3"));
  EXPECT_FALSE(json.find("/a/01"));
  EXPECT_EQ(json.pointer(*json.find("/a/2")), "/a/2");
  EXPECT_EQ(json.pointer(0), "");
}

TEST(JsonTape, RefusesWhatProgramsReadDifferently) {
  EXPECT_EQ(mistake_in(R"({"a":1,"\u0061":2})"), "a member stands there twice");
  EXPECT_EQ(mistake_in(R"("\ud800")"), "an unpaired surrogate");
  EXPECT_EQ(mistake_in(R"("\udc00\ud800")"), "an unpaired surrogate");
  EXPECT_EQ(mistake_in("\"\xff\""), "the text is not UTF-8");
  EXPECT_EQ(mistake_in("\"\xed\xa0\x80\""), "the text is not UTF-8");
  EXPECT_EQ(mistake_in("\"\xc0\x80\""), "the text is not UTF-8");
  EXPECT_EQ(mistake_in("\"a\0b\""s), "a control character within a string");
  EXPECT_EQ(mistake_in("\xef\xbb\xbf{}"), "this is no value");
  EXPECT_EQ(mistake_in("1 2"), "there is more behind the value");
  EXPECT_EQ(mistake_in(std::string(65, '[') + std::string(65, ']')), "nested too deeply");
  EXPECT_EQ(mistake_in(std::string(1025, '1')), "the number is too long");
  for (const std::string_view text :
       {"",      "01",    "+1",      ".5",     "1.",  "1e",  "-",         "nul", "[1,]", "{\"a\":1,}",
        "{a:1}", "[1 2]", "\"\\x\"", "\"\t\"", "'a'", "NaN", "{\"a\" 1}", "[",   "\"",   "\"\\u12"}) {
    EXPECT_NE(mistake_in(text), "") << text;
  }
  EXPECT_FALSE(Json().read("[[1]]", 2));
  EXPECT_EQ(Json().read("[[[1]]]", 2)->what, "nested too deeply");
  EXPECT_EQ(mistake_in(std::string(64, '[') + std::string(64, ']')), "");
  EXPECT_EQ(mistake_in("\"\\ud83d\\ude00 \xf0\x9f\x98\x80\""), "");
}

TEST(JsonTape, FindsRepeatedNamesAmongManyMembers) {
  std::string text = "{";
  for (int i = 0; i < 1000; ++i) text += "\"m" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  EXPECT_EQ(mistake_in(text + "\"last\":0}"), "");
  EXPECT_EQ(mistake_in(text + "\"m500\":0}"), "a member stands there twice");
}

TEST(JsonTape, KeepsPointersToMembersWithEscapesAndCutsLongOnes) {
  Json json;
  const std::string text = "{\"a/b~\":[{\"" + std::string(1000, 'n') + "\":1}]}";
  ASSERT_FALSE(json.read(text));
  const std::string pointer = json.pointer(json.size() - 1);
  EXPECT_TRUE(pointer.starts_with("/a~1b~0/0/nnn"));
  EXPECT_TRUE(pointer.ends_with("..."));
  EXPECT_EQ(pointer.size(), 515U);
}

}  // namespace
}  // namespace bulkhead::tape
