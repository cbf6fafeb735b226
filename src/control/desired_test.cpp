#include "control/desired.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace bulkhead::control {
namespace {

namespace fs = std::filesystem;

// A directory with an application of three files, one of them in another directory.
class DesiredTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "desired-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    write("shop/bulkhead.yaml",
          "app: shop\ninclude: {file: ../payments/bulkhead.yaml, prefix: pay-}\n"
          "services:\n  web: {command: [./web], port: 8080, calls: [pay-api]}\n");
    write("shop/more/debug.yaml", "services:\n  web: {mounts: [\"./tools:/tools\"], environment: {LEVEL: debug}}\n");
    write("payments/bulkhead.yaml", "services:\n  api: {command: [./api], port: 8080, env_file: api.env}\n");
    write("payments/api.env", "KEY=value\n");
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string write(const std::string& name, const std::string& text) {
    const fs::path path = root_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }
  std::string path(const std::string& name) const { return (root_ / name).string(); }

  Desired read() {
    auto desired = read_desired({path("shop/bulkhead.yaml"), path("shop/more/debug.yaml")}, {});
    EXPECT_TRUE(desired) << desired.error().message;
    return desired.value_or(Desired{});
  }

  fs::path root_;
};

TEST_F(DesiredTest, PathsOfEveryFileCountFromItsOwnDirectory) {
  const auto loaded = load(read());
  ASSERT_TRUE(loaded) << manifest::render(loaded.error().mistakes);
  const manifest::Service& web = *loaded->application.service("web");
  EXPECT_EQ(web.dir, ".");
  EXPECT_EQ(web.mounts.at(0).host, "more/tools");
  const manifest::Service& api = *loaded->application.service("pay-api");
  EXPECT_EQ(api.dir, "../payments");
  EXPECT_EQ(api.environment.at(0).value, "value");
  EXPECT_EQ(api.position.file, fs::weakly_canonical(path("payments/bulkhead.yaml")));
}

TEST_F(DesiredTest, IsReadAgainFromItsTextAlthoughTheFilesAreGone) {
  const Desired desired = read();
  const auto before = load(desired);
  ASSERT_TRUE(before);
  fs::remove_all(root_ / "shop");
  fs::remove_all(root_ / "payments");
  const auto again = desired_from_json(to_json(desired));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(*again == desired);
  const auto after = load(*again);
  ASSERT_TRUE(after) << manifest::render(after.error().mistakes);
  EXPECT_TRUE(after->application == before->application);
}

TEST_F(DesiredTest, OfAControllerThatKnewOneFileOnlyIsStillRead) {
  const auto old = desired_from_json(
      R"({"file":"bulkhead.yaml","directory":"/srv","text":"app: a\nservices: {w: {command: [./w]}}\n","variables":{},
          "env_files":{},"profiles":[],"launcher_path":"","scale":{"w":3}})");
  ASSERT_TRUE(old) << old.error().message;
  EXPECT_TRUE(old->overrides.empty());
  const auto loaded = load(*old);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->application.services.at(0).scale, 3U);
}

TEST_F(DesiredTest, OfAnotherShapeIsRefused) {
  auto value = nlohmann::json::parse(to_json(read()));
  value["overrides"] = {{{"file", "x"}}};
  EXPECT_FALSE(desired_from_json(value.dump()));
  value["overrides"] = nlohmann::json::array();
  value["included"] = {{"x", 1}};
  EXPECT_FALSE(desired_from_json(value.dump()));
}

TEST_F(DesiredTest, AFileNamedTwiceIsAMistake) {
  const auto twice = read_desired({path("shop/bulkhead.yaml"), path("shop/bulkhead.yaml")}, {});
  ASSERT_FALSE(twice);
  EXPECT_THAT(twice.error().message, testing::HasSubstr("is named twice"));
}

TEST_F(DesiredTest, ACycleIsFoundWhateverTheFilesAreCalled) {
  fs::create_directory_symlink(root_ / "payments", root_ / "shop/linked");
  write("payments/bulkhead.yaml", "include: ../shop/other.yaml\nservices: {api: {command: [./a]}}\n");
  write("shop/other.yaml", "include: linked/bulkhead.yaml\nservices: {other: {command: [./o]}}\n");
  const auto desired = read_desired(path("shop/bulkhead.yaml"), {});
  ASSERT_TRUE(desired) << desired.error().message;
  const auto loaded = load(*desired);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(manifest::render(loaded.error().mistakes), testing::HasSubstr("a cycle of includes: "));
}

}  // namespace
}  // namespace bulkhead::control
