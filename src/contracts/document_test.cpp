#include "contracts/document.hpp"

#include <gtest/gtest.h>

namespace bulkhead::contracts {
namespace {

std::string as_json(std::string_view text) {
  const auto node = read_document(text, "file");
  if (!node) return node.error().message;
  std::string out;
  append_json(out, *node);
  return out;
}

TEST(Document, ReadsYamlWithTheKindsOfJson) {
  EXPECT_EQ(as_json("a: 1\nb: [true, no, ~, 'x', \"1\", 1.5e3, 1.0.0, 2024-01-01]\n200: ok\n"),
            R"({"a":1,"b":[true,"no",null,"x","1",1.5e3,"1.0.0","2024-01-01"],"200":"ok"})");
  EXPECT_EQ(as_json("a: &x {b: 1}\nc: *x\n"), R"({"a":{"b":1},"c":{"b":1}})");
  EXPECT_EQ(as_json(R"({"a": "\u00e9\/", "b": []})"), "{\"a\":\"\xc3\xa9/\",\"b\":[]}");
}

TEST(Document, RefusesWhatDependsOnTheReader) {
  EXPECT_EQ(as_json("a: 1\nb: 010\n"),
            "file:2:4: '010' is read as different numbers by different programs: quote it, or write it as JSON does");
  EXPECT_EQ(as_json("a: 1\na: 2\n"), "file:2:1: 'a' stands here twice");
  EXPECT_EQ(as_json("{\"a\": 1,\n \"a\": 2}"), "file:2:2: a member stands there twice");
  EXPECT_EQ(as_json("a: !!str 1\n"), "file:1:4: tags have no meaning here: remove it");
  for (const char* text : {"a: 0x1f", "a: .5", "a: 1_000", "a: +1", "a: .inf", "? [a]\n: b", "a: *x", "a: 1\n---\nb: 2",
                           "", "<<: {a: 1}", "\xff"}) {
    EXPECT_FALSE(read_document(text, "file")) << text;
  }
}

TEST(Document, KnowsWhereEverythingStands) {
  for (const char* text : {"a:\n  - b: x\n", "{\"a\":\n [{\"b\": 1}]}"}) {
    const auto node = read_document(text, "file");
    ASSERT_TRUE(node);
    EXPECT_EQ(node->find("a")->items[0].members[0].mark.line, 2);
  }
}

}  // namespace
}  // namespace bulkhead::contracts
