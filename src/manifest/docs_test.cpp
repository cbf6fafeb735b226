#include <gtest/gtest.h>

#include "base/fd.hpp"
#include "manifest/keys.hpp"
#include "manifest/parse.hpp"

namespace bulkhead::manifest {
namespace {

std::string reference() {
  auto text = read_file(BULKHEAD_SOURCE_DIR "/docs/manifest.md");
  return text ? *text : "";
}

// The texts between "```yaml" and "```".
std::vector<std::string> examples(const std::string& text) {
  std::vector<std::string> blocks;
  constexpr std::string_view kBegin = "```yaml\n";
  for (std::size_t at = text.find(kBegin); at != std::string::npos; at = text.find(kBegin, at + 1)) {
    std::size_t begin = at + kBegin.size();
    blocks.push_back(text.substr(begin, text.find("```", begin) - begin));
  }
  return blocks;
}

TEST(Docs, DescribeEveryKeyThatTheParserKnows) {
  std::string text = reference();
  for (Section section : kSections) {
    for (std::string_view key : keys_of(section).known) {
      EXPECT_NE(text.find(fmt::format("| `{}` | ", key)), std::string::npos)
          << "no row for '" << key << "' of the " << keys_of(section).section;
    }
  }
}

TEST(Docs, HaveNoRowForAKeyThatTheParserRefuses) {
  std::string text = reference();
  for (std::size_t at = text.find("\n| `"); at != std::string::npos; at = text.find("\n| `", at + 1)) {
    std::string key = text.substr(at + 4, text.find('`', at + 4) - at - 4);
    bool is_key = key.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos;
    bool known = false;
    for (Section section : kSections) {
      for (std::string_view each : keys_of(section).known) known = known || each == key;
    }
    EXPECT_TRUE(!is_key || known) << key;
  }
}

TEST(Docs, HaveOnlyExamplesThatParse) {
  auto blocks = examples(reference());
  EXPECT_GE(blocks.size(), 10U);
  for (const std::string& block : blocks) {
    Parsed parsed =
        parse(block, {.read_manifest = [](const std::string& path) -> Result<Source> {
                return Source{path, "../payments",
                              "services:\n  api: {command: [./api], port: 8080, calls: [db, mailer]}\n"
                              "  db: {command: [./db], port: 5432}\n  mailer: {command: [./mock], port: 8080}\n"};
              }});
    EXPECT_TRUE(parsed.mistakes.empty()) << block << render(parsed.mistakes);
  }
}

TEST(Schema, KnowsEveryKeyThatTheParserKnows) {
  auto schema = read_file(BULKHEAD_SOURCE_DIR "/schema/bulkhead.schema.json");
  ASSERT_TRUE(schema);
  for (Section section : kSections) {
    for (std::string_view key : keys_of(section).known) {
      EXPECT_NE(schema->find(fmt::format("\"{}\": {{", key)), std::string::npos) << key;
    }
  }
}

}  // namespace
}  // namespace bulkhead::manifest
