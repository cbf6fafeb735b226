#include "base/json.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace bulkhead {
namespace {

using namespace std::string_view_literals;

TEST(Json, TextIsReadStrictly) {
  EXPECT_TRUE(read_json(R"({"a": [1, {"a": 2}], "b": {"a": 1}})"));
  for (std::string_view text :
       {"", "{", "{} {}", R"({"a": 1, "a": 2})", R"({"a": 1, "\u0061": 2})", R"([{"b": {"a": 1, "a": 1}}])", "\"\xff\"",
        "nul", "// x", "\xef\xbb\xbf{}", "NaN", "1e999", R"("\ud800")"}) {
    EXPECT_FALSE(read_json(text)) << text;
  }
}

TEST(Json, NothingFollowsAZeroByte) {
  EXPECT_FALSE(read_json("{\"a\": 1}\0{\"a\": 2}"sv));
  EXPECT_FALSE(read_json("{}\0"sv));
}

TEST(Json, NestingHasALimit) {
  EXPECT_FALSE(read_json(std::string(10'000, '[')));
  EXPECT_FALSE(read_json(std::string(100, '[') + std::string(100, ']')));
  EXPECT_TRUE(read_json("[[1]]", 2));
  EXPECT_FALSE(read_json("[[[1]]]", 2));
}

}  // namespace
}  // namespace bulkhead
