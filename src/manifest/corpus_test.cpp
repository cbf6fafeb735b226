#include <filesystem>
#include <map>

#include <gmock/gmock.h>

#include "base/fd.hpp"
#include "manifest/parse.hpp"
#include "manifest/warnings.hpp"

namespace bulkhead::manifest {
namespace {

namespace fs = std::filesystem;

const fs::path kManifests = fs::path(BULKHEAD_SOURCE_DIR) / "tests" / "manifests";

std::vector<fs::path> manifests_in(const fs::path& folder) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".yaml") paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

ParseOptions options_for(const fs::path& path) {
  ParseOptions options{.file = path.filename().string()};
  options.environment = [](std::string_view name) -> std::optional<std::string> {
    static const std::map<std::string, std::string, std::less<>> values{
        {"SET", "value"}, {"EMPTY", ""}, {"PORT", "8080"}};
    auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
  options.read_env_file = [folder = path.parent_path()](const std::string& name) -> Result<std::string> {
    auto content = read_file((folder / name).string());
    if (!content) return fail(Cause::not_found, "no file '{}'", name);
    return content;
  };
  return options;
}

TEST(Corpus, EveryBrokenManifestGetsExactlyTheExpectedMistakes) {
  auto paths = manifests_in(kManifests / "broken");
  EXPECT_GE(paths.size(), 170U);
  for (const fs::path& path : paths) {
    SCOPED_TRACE(path.filename().string());
    auto text = read_file(path.string());
    ASSERT_TRUE(text);
    fs::path expected_path = path;
    auto expected = read_file(expected_path.replace_extension(".expected").string());
    ASSERT_TRUE(expected) << "no .expected beside it";
    Parsed parsed = parse(*text, options_for(path));
    EXPECT_FALSE(parsed.application);
    EXPECT_FALSE(parsed.mistakes.empty());
    EXPECT_EQ(render(parsed.mistakes), *expected);
  }
}

TEST(Corpus, EveryGoodManifestHasNoMistake) {
  auto paths = manifests_in(kManifests / "good");
  EXPECT_GE(paths.size(), 8U);
  for (const fs::path& path : paths) {
    SCOPED_TRACE(path.filename().string());
    auto text = read_file(path.string());
    ASSERT_TRUE(text);
    Parsed parsed = parse(*text, options_for(path));
    EXPECT_EQ(render(parsed.mistakes), "");
    EXPECT_TRUE(parsed.application);
  }
}

TEST(Corpus, EveryWarningIsAsExpected) {
  for (const fs::path& path : manifests_in(kManifests / "warned")) {
    SCOPED_TRACE(path.filename().string());
    auto text = read_file(path.string());
    ASSERT_TRUE(text);
    fs::path expected_path = path;
    auto expected = read_file(expected_path.replace_extension(".expected").string());
    ASSERT_TRUE(expected) << "no .expected beside it";
    Parsed parsed = parse(*text, options_for(path));
    ASSERT_TRUE(parsed.application) << render(parsed.mistakes);
    EXPECT_EQ(render(warnings(*parsed.application, *text)), *expected);
  }
}

TEST(Corpus, AManifestCutOffAnywhereNeverCrashes) {
  for (const fs::path& path : manifests_in(kManifests / "good")) {
    auto text = read_file(path.string());
    ASSERT_TRUE(text);
    ParseOptions options = options_for(path);
    for (std::size_t length = 0; length < text->size(); length += 7) parse(text->substr(0, length), options);
  }
}

}  // namespace
}  // namespace bulkhead::manifest
