#include "collect/question.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collect/visitors.hpp"

namespace bulkhead::collect {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kNow = 1'790'000'000'000;

TEST(Question, ARangeIsTimesOrAges) {
  const auto read = [](std::string_view query) { return *read_question(query, kNow, {"from", "to"}); };
  EXPECT_EQ(read("").range.from_ms, kNow - 900'000);
  EXPECT_EQ(read("").range.to_ms, kNow);
  EXPECT_EQ(read("from=10m").range.from_ms, kNow - 600'000);
  EXPECT_EQ(read("from=2h&to=1h").range.to_ms, kNow - 3'600'000);
  EXPECT_EQ(read("from=5&to=7").range.from_ms, 5);
}

TEST(Question, MistakesSayWhatIsAllowed) {
  const std::pair<const char*, const char*> cases[] = {
      {"colour=red", "there is no parameter 'colour' here; there are: from, to, step, error, min_ms"},
      {"from=yesterday", "10m, 2h or 3d"},
      {"from=1h&to=2h", "is after 'to'"},
      {"step=x", "a whole number from 0 to 86400"},
      {"step=1&from=3d", "at least 260 s are allowed"},
      {"error=maybe", "1 or 0 is allowed"},
      {"min_ms=-1", "a whole number"},
      {"from=%zz", "two hexadecimal digits"},
  };
  for (const auto& [query, message] : cases) {
    const auto question = read_question(query, kNow, {"from", "to", "step", "error", "min_ms"});
    ASSERT_FALSE(question.has_value()) << query;
    EXPECT_EQ(question.error().cause, Cause::invalid);
    EXPECT_THAT(question.error().message, HasSubstr(message));
  }
}

TEST(Question, ValuesAreDecoded) {
  EXPECT_EQ(read_question("q=a%20b%2Fc+d", kNow, {"q"})->q, "a b/c d");
  std::string text;
  EXPECT_FALSE(decode_query("%4", text));
  EXPECT_FALSE(decode_query("%", text));
}

TEST(Visitors, ACodeIsGoodOnceAndTradedForACookie) {
  std::string pattern = testing::TempDir() + "visitors-XXXXXX";
  const std::string key = std::string(::mkdtemp(pattern.data())) + "/key";
  auto visitors = *Visitors::open(key);
  const std::string code = visitors.make_code(1000);
  EXPECT_EQ(visitors.trade("guessed", 1000), "");
  const std::string cookie = visitors.trade(code, 1001);
  EXPECT_TRUE(visitors.accepts(cookie, 1002));
  EXPECT_EQ(visitors.trade(code, 1001), "") << "it is good once";
  EXPECT_FALSE(visitors.accepts(cookie, 1001 + Visitors::kCookieSeconds + 1)) << "it ends";
  EXPECT_EQ(visitors.trade(visitors.make_code(1000), 1000 + Visitors::kCodeSeconds + 1), "");
  std::string forged = cookie;
  forged.back() = forged.back() == '0' ? '1' : '0';
  EXPECT_FALSE(visitors.accepts(forged, 1002));
  EXPECT_FALSE(visitors.accepts("9999999999." + cookie.substr(cookie.find('.') + 1), 1002));
  EXPECT_FALSE(visitors.accepts("", 1002));
  const std::string token = visitors.make_token(1000, 30 * 86'400);
  EXPECT_TRUE(visitors.accepts(token, 1000 + 29 * 86'400));
  EXPECT_FALSE(visitors.accepts(token, 1001 + 30 * 86'400));
  // Its key outlives the process.
  EXPECT_TRUE(Visitors::open(key)->accepts(cookie, 1002));
}

TEST(Visitors, ACookieIsFoundByItsWholeName) {
  EXPECT_EQ(cookie_in("a=1; bulkhead_console=x; b=2", "bulkhead_console"), "x");
  EXPECT_EQ(cookie_in("not_bulkhead_console=x", "bulkhead_console"), "");
  EXPECT_EQ(cookie_in("bulkhead_console", "bulkhead_console"), "");
}

}  // namespace
}  // namespace bulkhead::collect
