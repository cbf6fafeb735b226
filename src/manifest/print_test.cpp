#include "manifest/print.hpp"

#include <gmock/gmock.h>

#include "manifest/parse.hpp"
#include "manifest/warnings.hpp"

namespace bulkhead::manifest {
namespace {

TEST(Print, QuotesWhatAnotherReaderOfYamlWouldTakeForSomethingElse) {
  for (std::string_view text : {"web", "./web", "10s", "8080", "0.5", "true", "GET /items/*", "GET|POST /x", "${A:-b}",
                                "https://a.example", "a b", "5%", "tcp://db:5432"}) {
    EXPECT_EQ(yaml_scalar(text), text);
  }
  for (std::string_view text :
       {"",   "null", "~",    "Yes", "off", "010", "0x1f", "1e3",          "1:30", "2026-01-31", "1_000",
        "+1", ".5",   ".nan", "-x",  "*a",  "&a",  "!a",   "a: b",         "a #b", "a:",         " a",
        "a ", "[a]",  "{a}",  "@a",  "%a",  "a'b", "a\"b", "127.0.0.1:80", "<<",   "---",        "..."}) {
    EXPECT_EQ(yaml_scalar(text).front(), '"') << text;
  }
  EXPECT_EQ(yaml_scalar("a\n\t\"\\\x7f"), R"("a\n\x09\"\\\x7F")");
}

TEST(Print, ShowsVariablesAsTheyAreWrittenAndNeverWhatTheyHold) {
  ParseOptions options;
  options.environment = [](std::string_view) { return std::optional<std::string>("hunter2"); };
  options.read_env_file = [](const std::string&) -> Result<std::string> { return "A=hunter2\n"; };
  Parsed parsed = parse(
      "app: a\nservices:\n  w: {command: [./w], env_file: \"${FILE}\", environment: {TOKEN: \"${TOKEN}\"}, calls: "
      "[\"${PEER}\"]}\n"
      "  hunter2: {command: [./h], port: 80}\n",
      options);
  ASSERT_TRUE(parsed.application) << render(parsed.mistakes);
  std::string printed = print(*parsed.merged, parsed.sources);
  EXPECT_THAT(printed, testing::HasSubstr("TOKEN: ${TOKEN}  # bulkhead.yaml:3"));
  EXPECT_EQ(printed.find("hunter2"), printed.find("hunter2:  # bulkhead.yaml:4")) << printed;
}

TEST(Merge, TakesTheFirstFilesWordWhereALaterOneSaysNothing) {
  std::vector<Source> sources{{"a.yaml", "",
                               "app: a\nservices:\n  w: {command: [./w], calls: {p: [GET /x]}}\n"
                               "  p: {command: [./p], port: 80}\n"},
                              {"b.yaml", "", "services: {w: {calls: [p]}}\n"},
                              {"c.yaml", "", "# only a comment\n"}};
  Parsed parsed = parse(sources, {});
  ASSERT_TRUE(parsed.application) << render(parsed.mistakes);
  // To name a call again widens nothing.
  EXPECT_EQ(parsed.application->service("w")->call("p")->permissions.size(), 1U);
  EXPECT_EQ(parsed.application->file, "a.yaml");
  EXPECT_EQ(parsed.sources.size(), 3U);
}

TEST(Merge, WidensACallOnlyWhereThatIsSaid) {
  std::vector<Source> sources{{"a.yaml", "",
                               "app: a\nservices:\n  w: {command: [./w], calls: {p: [GET /x]}}\n"
                               "  p: {command: [./p], port: 80}\n"},
                              {"b.yaml", "", "services: {w: {calls: {p: !override }}}\n"}};
  Parsed parsed = parse(sources, {});
  ASSERT_TRUE(parsed.application) << render(parsed.mistakes);
  EXPECT_TRUE(parsed.application->service("w")->call("p")->permissions.empty());
}

TEST(Merge, HidesEnvironmentValuesOfEveryFile) {
  std::vector<Source> sources{
      {"a.yaml", "",
       "app: a\nservices:\n  w: {command: [./w], scal: 1, environment: {A: hunter2}}\n"
       "  u: {scal: 1, environment: [A=hunter2]}\n  t: {scal: 1, env: {A: hunter2}}\n"},
      {"b.yaml", "",
       "services:\n  w: {scall: 2, environment: {A: two, B: hunter2, 9: hunter2}}\n"
       "  v: {environmnt: {B: hunter2}, environment: [hunter2]}\n  u: {environment: !override {}}\n"}};
  Parsed parsed = parse(sources, {});
  EXPECT_GE(parsed.mistakes.size(), 6U);
  EXPECT_EQ(render(parsed.mistakes).find("hunter2"), std::string::npos) << render(parsed.mistakes);
}

TEST(Merge, ShowsNoValueInAWarningAlthoughAnotherTookItsPlace) {
  std::vector<Source> sources{
      {"a.yaml", "", "app: a\nservices:\n  w: {command: [./w], port: 80, environment: {SESSION: hunter2}}\n"},
      {"b.yaml", "", "services:\n  w: {environment: {SESSION: q7Zt1LpW9xKf3VbN8sYc2RmD}}\n"}};
  Parsed parsed = parse(sources, {});
  ASSERT_TRUE(parsed.application) << render(parsed.mistakes);
  std::string shown = render(warnings(*parsed.application, parsed.sources));
  EXPECT_THAT(shown, testing::HasSubstr("a.yaml:3:3: warning: nobody calls service 'w'"));
  EXPECT_THAT(shown, testing::HasSubstr("b.yaml:2:21: warning: 'SESSION' of service 'w' looks like a secret"));
  EXPECT_EQ(shown.find("hunter2"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("q7Zt"), std::string::npos) << shown;
}

TEST(Merge, OfEndlessListsIsRefused) {
  std::string list;
  for (int i = 0; i < 3000; ++i) list += fmt::format("A{}=1,", i);
  std::string text = "services: {w: {command: [./w], environment: [" + list + "]}}\n";
  Parsed parsed = parse({{"a.yaml", "", "app: a\n" + text}, {"b.yaml", "", text}}, {});
  EXPECT_THAT(render(parsed.mistakes), testing::HasSubstr("a list of more than 2000 cannot be merged"));
}

Result<Source> itself(const std::string& path) {
  static int count = 0;
  return Source{fmt::format("{}{}", path, ++count), "", "services: {s: {command: [./s]}}\ninclude: [x, x]\n"};
}

TEST(Include, IsBoundedInDepthNumberAndSize) {
  std::string_view text = "app: a\ninclude: [{file: x, prefix: a-}]\n";
  Parsed deep = parse(text, {.read_manifest = itself});
  EXPECT_THAT(render(deep.mistakes), testing::HasSubstr("included more than 8 files deep"));

  std::string many = "app: a\ninclude:\n";
  for (int i = 0; i < 70; ++i) many += fmt::format("  - {{file: x, prefix: p{}-}}\n", i);
  auto small = [](const std::string& path) -> Result<Source> {
    return Source{path, "", "services: {s: {command: [./s]}}\n"};
  };
  EXPECT_THAT(render(parse(many, {.read_manifest = small}).mistakes), testing::HasSubstr("more than 64 files"));

  auto large = [](const std::string& path) -> Result<Source> {
    return Source{path, "", "services: {s: {command: [./s]}}\n#" + std::string(900'000, 'x') + "\n"};
  };
  EXPECT_THAT(render(parse(many, {.read_manifest = large}).mistakes), testing::HasSubstr("more than 4096 KiB"));

  auto wide = [](const std::string& path) -> Result<Source> {
    std::string list = "services: {s: {command: [./s";
    for (int i = 0; i < 20'000; ++i) list += ",x";
    return Source{path, "", list + "]}}\n"};
  };
  EXPECT_THAT(render(parse(many, {.read_manifest = wide}).mistakes), testing::HasSubstr("more than 100000 values"));
}

}  // namespace
}  // namespace bulkhead::manifest
