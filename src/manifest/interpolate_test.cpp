#include "manifest/interpolate.hpp"

#include <gtest/gtest.h>

#include "manifest/env_file.hpp"
#include "manifest/parse.hpp"
#include "manifest/secret.hpp"

namespace bulkhead::manifest {
namespace {

std::optional<std::string> environment(std::string_view name) {
  if (name == "SET") return "value";
  if (name == "EMPTY") return "";
  if (name == "DOLLAR") return "${SET}";
  return std::nullopt;
}

std::string interpolated(std::string_view text) {
  auto result = interpolate(text, environment);
  return result ? *result : "mistake: " + result.error().message;
}

TEST(Interpolate, PutsVariablesInAsComposeDoes) {
  EXPECT_EQ(interpolated("a $SET b ${SET}c"), "a value b valuec");
  EXPECT_EQ(interpolated("$$SET $$"), "$SET $");
  EXPECT_EQ(interpolated("${NONE:-a}${EMPTY:-b}${EMPTY-c}${NONE-d}"), "abd");
  EXPECT_EQ(interpolated("${SET:+x}${EMPTY:+y}${EMPTY+z}${NONE+w}"), "xz");
  EXPECT_EQ(interpolated("${NONE:-${EMPTY:-deep}}"), "deep");
  EXPECT_EQ(interpolated("${NONE:-a}b}"), "ab}");
  EXPECT_EQ(interpolated("${SET:?why}"), "value");
  EXPECT_EQ(interpolated("$DOLLAR"), "${SET}") << "a value is not looked into";
}

TEST(Interpolate, RefusesWhatIsUnsetOrUnfinished) {
  EXPECT_EQ(interpolated("$NONE"), "mistake: the variable 'NONE' is not set");
  EXPECT_EQ(interpolated("${EMPTY:?say it}"), "mistake: the variable 'EMPTY' is not set: say it");
  for (std::string_view text : {"$", "5$", "${", "${}", "${SET", "${SET!}", "${1}", "$-", "${SET:}"}) {
    EXPECT_TRUE(interpolated(text).starts_with("mistake: ")) << text;
  }
  std::string deep;
  for (int i = 0; i < 20; ++i) deep += "${NONE:-";
  EXPECT_TRUE(interpolated(deep + std::string(20, '}')).starts_with("mistake: "));
}

TEST(SplitCommand, FollowsTheShellsQuotes) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(*split_command("a  b\tc"), (Words{"a", "b", "c"}));
  EXPECT_EQ(*split_command("a 'b c' \"d \\\" e\" f\\ g ''"), (Words{"a", "b c", "d \" e", "f g", ""}));
  EXPECT_EQ(*split_command("a'b'\"c\"d"), (Words{"abcd"}));
  EXPECT_EQ(*split_command("'$x' $y"), (Words{"$x", "$y"})) << "nothing is expanded";
  EXPECT_EQ(*split_command(""), Words{});
  EXPECT_FALSE(split_command("a 'b"));
  EXPECT_FALSE(split_command("a \"b"));
  EXPECT_FALSE(split_command("a \\"));
}

TEST(EnvFile, TakesNamesAndValuesLiterally) {
  EnvFile file = parse_env_file("# c\nA=1\n export B = two words # c\r\nC='$x # y'\nD=\"a\\nb\"\nE=\nF=a#b\n", "x.env");
  ASSERT_TRUE(file.mistakes.empty()) << render(file.mistakes);
  std::string all;
  for (const Variable& variable : file.variables) all += variable.name + "=" + variable.value + ";";
  EXPECT_EQ(all, "A=1;B=two words;C=$x # y;D=a\nb;E=;F=a#b;");
  EXPECT_EQ(to_string(file.variables[1].position), "x.env:3:1");
}

TEST(EnvFile, PointsAtBadLinesWithoutTheirValues) {
  EnvFile file = parse_env_file("hunter2\n1A=x\nB='hunter2\nBULKHEAD_X=1\n", "x.env");
  EXPECT_EQ(file.mistakes.size(), 4U);
  EXPECT_EQ(render(file.mistakes).find("hunter2"), std::string::npos);
  EXPECT_EQ(parse_env_file(std::string_view("A=\0", 3), "x.env").mistakes.size(), 1U);
}

TEST(Secrets, AreGuessedFromNameKindAndRandomness) {
  EXPECT_NE(looks_secret("DB_PASSWORD", "postgres"), "");
  EXPECT_NE(looks_secret("PGPASSWORD", "postgres"), "");
  EXPECT_NE(looks_secret("X", "ghp_0123456789abcdefghij"), "");
  EXPECT_NE(looks_secret("URL", "redis://:hunter2@cache:6379"), "");
  EXPECT_NE(looks_secret("X", "q7Zt1LpW9xKf3VbN8sYc2RmD"), "");
  for (auto [name, value] :
       std::vector<std::pair<std::string_view, std::string_view>>{{"DB_PASSWORD_FILE", "/run/x"},
                                                                  {"API_TOKEN", "/etc/token"},
                                                                  {"TOKEN_TTL", "3600"},
                                                                  {"PASSWORD", ""},
                                                                  {"URL", "http://catalog:8080/items"},
                                                                  {"GREETING", "hello to all of you out there"},
                                                                  {"PATH_X", "/usr/local/share/application/data"}}) {
    EXPECT_EQ(looks_secret(name, value), "") << name;
  }
}

TEST(Secrets, AreRefusedInAManifestByTheirNameAndByTheirForm) {
  EXPECT_EQ(written_secret("DB_PASSWORD", "postgres"), "by its name");
  EXPECT_EQ(written_secret("DB_PASSWORD", ""), "");
  EXPECT_EQ(written_secret("DB_PASSWORD", "***"), "");
  EXPECT_EQ(written_secret("X", "-----BEGIN PRIVATE KEY-----\nMIIE"), "it is a private key");
  EXPECT_EQ(written_secret("URL", "redis://:hunter2@cache:6379"), "it is a URL with a password");
  EXPECT_EQ(written_secret("X", "q7Zt1LpW9xKf3VbN8sYc2RmD"), "");
}

TEST(AsWritten, KeepsWhatStandsThereAndDropsWhatIsPutIn) {
  EXPECT_EQ(as_written("a$$b"), "a$b");
  EXPECT_EQ(as_written("${A}/$B"), "${A}/$B");
  EXPECT_EQ(as_written("${A:-one}${B-two}${C:+three}"), "onetwothree");
  EXPECT_EQ(as_written("${A:-${B:-deep}}"), "deep");
  EXPECT_EQ(as_written("${A:?why}"), "${A:?why}");
  EXPECT_EQ(as_written("${A ${B:-x}"), "${A ${B:-x}");
  EXPECT_EQ(as_written("$"), "$");
}

}  // namespace
}  // namespace bulkhead::manifest
