#include "builds/watcher.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <unistd.h>

#include "builds/files.hpp"

namespace bulkhead::builds {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr auto kSoon = 10'000ms;  // told from never

class WatcherTest : public testing::Test {
 protected:
  WatcherTest() : watcher(std::move(*Watcher::open())) {
    std::string name = "/tmp/bulkhead-watch-XXXXXX";
    top = ::mkdtemp(name.data());
    reader.on_directory([this](const std::string& each) { ASSERT_TRUE(watcher.watch_directory(each)); });
  }
  ~WatcherTest() override { fs::remove_all(top); }

  void write(const std::string& name, const std::string& text) { std::ofstream(top / name) << text; }
  std::string path(const std::string& name) const { return (top / name).string(); }
  void look() { ASSERT_TRUE(reader.read({.dir = top.string(), .inputs = {}, .ignore = {}})); }

  fs::path top;
  Watcher watcher;
  FileReader reader{{}};
};

TEST_F(WatcherTest, HearsOfAFileThatIsWritten) {
  look();
  EXPECT_FALSE(watcher.wait(0ms).any());
  write("a", "1");
  EXPECT_THAT(watcher.wait(kSoon).paths, ElementsAre(path("a")));
  EXPECT_FALSE(watcher.has_news());
}

TEST_F(WatcherTest, HearsOfAFileThatAnEditorPutsInThePlaceOfAnother) {
  write("a", "1");
  look();
  write(".a.new", "2");
  fs::rename(top / ".a.new", top / "a");
  EXPECT_THAT(watcher.wait(kSoon).paths, Contains(path("a")));
}

TEST_F(WatcherTest, HearsOfWhatHappensInADirectoryThatIsNew) {
  look();
  fs::create_directories(top / "deep/er");
  EXPECT_THAT(watcher.wait(kSoon).paths, ElementsAre(path("deep")));
  look();
  write("deep/er/a", "1");
  EXPECT_THAT(watcher.wait(kSoon).paths, ElementsAre(path("deep/er/a")));
  fs::remove_all(top / "deep");
  EXPECT_THAT(watcher.wait(kSoon).paths, Contains(path("deep")));
  fs::create_directories(top / "deep");
  look();
  while (watcher.wait(0ms).any()) continue;
  write("deep/b", "1");
  EXPECT_THAT(watcher.wait(kSoon).paths, ElementsAre(path("deep/b")));
}

TEST_F(WatcherTest, HearsOfOneFileAlone) {
  ASSERT_TRUE(watcher.watch_file(path("bulkhead.yaml")));
  write("other", "1");
  write("bulkhead.yaml", "1");
  EXPECT_THAT(watcher.wait(kSoon).paths, ElementsAre(path("bulkhead.yaml")));
  fs::remove(top / "bulkhead.yaml");
  EXPECT_THAT(watcher.wait(kSoon).paths, ElementsAre(path("bulkhead.yaml")));
}

TEST_F(WatcherTest, TellsABurstAtOnce) {
  look();
  for (int i = 0; i < 100; ++i) write("file" + std::to_string(i), "1");
  EXPECT_EQ(watcher.wait(kSoon).paths.size(), 100U);
}

}  // namespace
}  // namespace bulkhead::builds
