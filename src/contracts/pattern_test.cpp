#include "contracts/pattern.hpp"

#include <gtest/gtest.h>

namespace bulkhead::contracts {
namespace {

TEST(Pattern, MeansWhatEcmaScriptMeans) {
  struct Case {
    const char* pattern;
    const char* text;
    bool found;
  };
  const Case cases[] = {
      {"^a+$", "aaa", true},
      {"^a+$", "aaa\n", false},
      {"b", "abc", true},
      {"^\\d+$", "12", true},
      {"^\\d+$", "\u0661", false},
      {"^\\s$", "\u00a0", true},
      {"^[\\s]$", "\ufeff", true},
      {"^\\S$", "\u2003", false},
      {"^[\\S]$", "x", true},
      {"^.$", "\u2028", false},
      {"^.$", "\U0001f600", true},
      {"^\\cC$", "\x03", true},
      {"^\\u0041$", "A", true},
      {"^\\u{1f600}$", "\U0001f600", true},
      {"^\\ud83d\\ude00$", "\U0001f600", true},
      {"^[[a]$", "[", true},
      {"^[^]$", "x", true},
      {"[]", "x", false},
      {"^[\\b]$", "\b", true},
      {"^\\p{Letter}+$", "\u00e9", true},
      {"^\\p{Script=Greek}$", "\u03b1", true},
      {"^(?<year>\\d{4})$", "2024", true},
      {"^\\/x$", "/x", true},
      {"^[\\w.-]+$", "a.b-c", true},
      {"\\bx\\b", "a x b", true},
      {"^\\x41$", "A", true},
  };
  for (const Case& each : cases) {
    const auto pattern = Pattern::compile(each.pattern);
    ASSERT_TRUE(pattern) << each.pattern << ": " << pattern.error().message;
    EXPECT_EQ(pattern->is_found_in(each.text), each.found) << each.pattern << " in " << each.text;
  }
}

TEST(Pattern, RefusesWhatLinearTimeCannotDo) {
  for (const char* text : {"(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", "(a)\\1", "(?<n>a)\\k<n>", "\\a", "\\Z", "a{1001}",
                           "[a", "(a", "a**", "\\", "\\u12", "(?i)a", "\\p{Nonsense}", "\\ud800"}) {
    const auto pattern = Pattern::compile(text);
    ASSERT_FALSE(pattern) << text;
    EXPECT_EQ(pattern.error().cause, Cause::unsupported);
  }
}

TEST(Pattern, TakesLinearTimeForWhatHangsOthers) {
  const auto pattern = Pattern::compile("^(a+)+$");
  ASSERT_TRUE(pattern);
  EXPECT_FALSE(pattern->is_found_in(std::string(100'000, 'a') + "b"));
}

}  // namespace
}  // namespace bulkhead::contracts
