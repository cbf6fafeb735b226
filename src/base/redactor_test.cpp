#include "base/redactor.hpp"

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

Redactor knowing(std::string_view content, const std::string& name = "db") {
  Redactor redactor;
  redactor.add(name, content);
  return redactor;
}

TEST(Redactor, ReplacesEachValueByTheNameOfItsSecret) {
  Redactor redactor = knowing("correct horse\n");
  redactor.add("token", "abcdefgh");
  EXPECT_EQ(redactor.redact("a correct horse, abcdefgh, correct horse"), "a [secret db], [secret token], [secret db]");
  EXPECT_EQ(redactor.redact("correct hors abcdefg"), "correct hors abcdefg");
}

TEST(Redactor, KnowsALongValueByItsLines) {
  const Redactor redactor =
      knowing("-----BEGIN PRIVATE KEY-----\r\n  MIIEvQIBADAN\r\nBgkqhkiG9w0B\n-----END PRIVATE KEY-----\n");
  EXPECT_EQ(redactor.redact("MIIEvQIBADAN|BgkqhkiG9w0B"), "[secret db]|[secret db]");
  EXPECT_EQ(redactor.redact("-----BEGIN PRIVATE KEY-----"), "-----BEGIN PRIVATE KEY-----");
}

TEST(Redactor, LeavesAloneWhatIsTooShortToBeOne) {
  EXPECT_TRUE(knowing("1234567\nabc\n\n   \n").empty());
  EXPECT_TRUE(knowing("").empty());
}

TEST(Redactor, TakesTheLongerOfTwoThatBeginAtOnePlace) {
  Redactor redactor = knowing("password", "short");
  redactor.add("long", "password-of-the-database");
  EXPECT_EQ(redactor.redact("password-of-the-database password-of"), "[secret long] [secret short]-of");
}

TEST(Redactor, TakesTheLongestOfManyThatBeginAlike) {
  Redactor redactor;
  for (const char* each : {"password", "password-a", "password-a-long-one", "password-b"}) redactor.add(each, each);
  EXPECT_EQ(
      redactor.redact("password-a-long-two|password-a-long-one|password-c|password-b|passwor"),
      "[secret password-a]-long-two|[secret password-a-long-one]|[secret password]-c|[secret password-b]|passwor");
}

TEST(Redactor, LeavesAloneWhatStandsInANameThatEverybodyKnows) {
  Redactor redactor({"shop", "postgres-main"});
  redactor.add("db", "postgres\nanother one");
  EXPECT_EQ(redactor.redact("postgres-main-1: another one"), "postgres-main-1: [secret db]");
}

TEST(Redactor, KnowsALineWithoutAnEndByItsPieces) {
  std::string line;
  for (int number = 0; line.size() < 3 * Redactor::kPiece + 3; ++number) line += std::to_string(number * 7919);
  line.resize(3 * Redactor::kPiece + 3);
  EXPECT_EQ(knowing(line).redact(line), "[secret db][secret db][secret db]");
}

TEST(Redactor, FindsAValueHoweverItsTextIsDivided) {
  Redactor redactor = knowing("correct horse", "db");
  redactor.add("pair", "correct horse battery");
  const std::string text = "x correct horse battery correct horses correct h\ncorrect\n";
  const std::string whole = redactor.redact(text);
  for (std::size_t first = 0; first <= text.size(); ++first) {
    for (std::size_t second = first; second <= text.size(); ++second) {
      std::string held;
      std::string got = redactor.redact_part(held, std::string_view(text).substr(0, first));
      got += redactor.redact_part(held, std::string_view(text).substr(first, second - first));
      got += redactor.redact_part(held, std::string_view(text).substr(second));
      ASSERT_EQ(got + redactor.redact(held), whole) << first << ' ' << second;
    }
  }
}

TEST(Redactor, HoldsNothingBackOfAWholeLine) {
  const Redactor redactor = knowing("correct horse");
  std::string held;
  EXPECT_EQ(redactor.redact_part(held, "correct ho\n"), "correct ho\n");
  EXPECT_EQ(redactor.redact_part(held, "corr\n"), "corr\n");
  EXPECT_EQ(held, "");
}

}  // namespace
}  // namespace bulkhead
