#include "builds/pattern.hpp"

#include <gtest/gtest.h>

namespace bulkhead::builds {
namespace {

struct PatternCase {
  std::string_view pattern;
  std::string_view path;
  bool is_directory;
  bool matches;
};

constexpr PatternCase kCases[] = {
    {"*.o", "a.o", false, true},
    {"*.o", "deep/er/a.o", false, true},
    {"*.o", "a.oo", false, false},
    {"/*.o", "a.o", false, true},
    {"/*.o", "deep/a.o", false, false},
    {"dist/", "dist", true, true},
    {"dist/", "dist", false, false},
    {"dist/", "web/dist", true, true},
    {"/dist/", "web/dist", true, false},
    {"web/dist", "web/dist", true, true},
    {"web/dist", "a/web/dist", true, false},
    {"**/logs", "logs", true, true},
    {"**/logs", "a/b/logs", true, true},
    {"logs/**", "logs/a/b", false, true},
    {"logs/**", "logs", true, false},
    {"a/**/b", "a/b", false, true},
    {"a/**/b", "a/x/y/b", false, true},
    {"a/**/b", "ab", false, false},
    {"**", "a/b", false, true},
    {"a?c", "abc", false, true},
    {"a?c", "a/c", false, false},
    {"a*c", "a/c", false, false},
    {"*a*b*", "xxaxxbxx", false, true},
    {"*a*b*", "xxbxxaxx", false, false},
    {"[a-c]x", "bx", false, true},
    {"[!a-c]x", "bx", false, false},
    {"[]]x", "]x", false, true},
    {"[a", "[a", false, true},
    {"\\!keep", "!keep", false, true},
    {"\\*", "*", false, true},
    {"\\*", "a", false, false},
    {"name\\ ", "name ", false, true},
    {"name  ", "name", false, true},
    {"./a/b", "a/b", false, true},
    {"a", "A", false, false},
};

TEST(Pattern, MatchesPathsByItsSegments) {
  for (const PatternCase& each : kCases) {
    const auto pattern = Pattern::parse(each.pattern);
    ASSERT_TRUE(pattern) << each.pattern;
    EXPECT_EQ(pattern->matches(each.path, each.is_directory), each.matches) << each.pattern << " on " << each.path;
  }
}

TEST(Pattern, IsNoneInALineThatSaysNothing) {
  for (const std::string_view line : {"", "  ", "# comment", "/", "!", "//", "."})
    EXPECT_FALSE(Pattern::parse(line)) << line;
}

TEST(Pattern, TakesBackInWithAnExclamationMark) {
  EXPECT_FALSE(Pattern::parse("!a")->excludes());
  EXPECT_TRUE(Pattern::parse("a")->excludes());
}

TEST(Pattern, DoesNotTakeLongForAHostileOne) {
  std::string stars;
  std::string deep;
  for (int i = 0; i < 2000; ++i) stars += "*a";
  for (int i = 0; i < 2000; ++i) deep += "**/a/";
  const std::string text(4000, 'a');
  EXPECT_FALSE(Pattern::parse(stars + "b")->matches(text, false));
  EXPECT_FALSE(Pattern::parse(deep + "b")->matches(text, false));
}

}  // namespace
}  // namespace bulkhead::builds
