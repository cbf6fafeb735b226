#include <filesystem>
#include <map>

#include <gmock/gmock.h>

#include "base/fd.hpp"
#include "manifest/parse.hpp"
#include "manifest/print.hpp"
#include "manifest/warnings.hpp"
#include "manifest/without_positions.hpp"

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
  options.read_manifest = [folder = path.parent_path()](const std::string& name) -> Result<Source> {
    auto content = read_file((folder / name).string());
    if (!content) return fail(Cause::not_found, "{} does not exist or can not be read", name);
    fs::path whole = fs::path(name).lexically_normal();
    return Source{whole.string(), whole.parent_path().string(), std::move(*content)};
  };
  return options;
}

// The folders of tests/manifests/several: bulkhead.yaml and, where it is there, bulkhead.override.yaml beside it.
std::vector<fs::path> folders_of_several() {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(kManifests / "several")) folders.push_back(entry.path());
  std::ranges::sort(folders);
  return folders;
}

Parsed parse_folder(const fs::path& folder) {
  std::vector<Source> sources;
  for (std::string name : {"bulkhead.yaml", "bulkhead.override.yaml"}) {
    auto text = read_file((folder / name).string());
    if (text) sources.push_back({name, "", std::move(*text)});
  }
  ParseOptions options = options_for(folder / "bulkhead.yaml");
  options.profiles = {"*"};
  return parse(sources, options);
}

// What print() says of `parsed` is the same application.
void expect_printed_alike(const Parsed& parsed, ParseOptions options) {
  std::string printed = print(*parsed.merged, parsed.sources);
  options.file = parsed.sources[0].file;
  options.read_manifest = nullptr;
  Parsed again = parse(printed, options);
  ASSERT_TRUE(again.application) << printed << render(again.mistakes);
  EXPECT_TRUE(without_positions(*again.application) == without_positions(*parsed.application)) << printed;
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
    ASSERT_TRUE(parsed.application);
    expect_printed_alike(parsed, options_for(path));
  }
}

TEST(Corpus, SeveralFilesSayTogetherExactlyWhatIsExpected) {
  std::size_t good = 0;
  std::size_t broken = 0;
  for (const fs::path& folder : folders_of_several()) {
    SCOPED_TRACE(folder.filename().string());
    Parsed parsed = parse_folder(folder);
    auto merged = read_file((folder / "merged.expected").string());
    auto mistakes = read_file((folder / "mistakes.expected").string());
    EXPECT_EQ(render(parsed.mistakes), mistakes ? *mistakes : "");
    if (mistakes) {
      ++broken;
      EXPECT_FALSE(parsed.application);
      continue;
    }
    ++good;
    ASSERT_TRUE(merged) << "neither merged.expected nor mistakes.expected";
    ASSERT_TRUE(parsed.application);
    EXPECT_EQ(print(*parsed.merged, parsed.sources), *merged);
    ParseOptions options = options_for(folder / "bulkhead.yaml");
    options.profiles = {"*"};
    expect_printed_alike(parsed, options);
  }
  EXPECT_GE(good, 2U);
  EXPECT_GE(broken, 10U);
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
