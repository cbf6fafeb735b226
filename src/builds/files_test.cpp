#include "builds/files.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <unistd.h>

namespace bulkhead::builds {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

class FilesTest : public testing::Test {
 protected:
  FilesTest() {
    std::string name = "/tmp/bulkhead-files-XXXXXX";
    top = ::mkdtemp(name.data());
  }
  ~FilesTest() override { fs::remove_all(top); }

  void write(const std::string& name, const std::string& text) {
    fs::create_directories((top / name).parent_path());
    std::ofstream(top / name) << text;
  }
  Files read(const Scope& scope) { return reader.read(scope).value(); }
  // The names of what counts, as they count from the top.
  std::vector<std::string> names(std::vector<std::string> inputs = {}, std::vector<std::string> ignore = {},
                                 const std::string& dir = "") {
    std::vector<std::string> all;
    const Scope scope{.dir = placed(top.string(), dir), .inputs = std::move(inputs), .ignore = std::move(ignore)};
    for (const auto& [path, hash] : read(scope)) all.push_back(fs::path(path).lexically_relative(top).string());
    return all;
  }

  fs::path top;
  FileReader reader{{}};
};

TEST_F(FilesTest, CountsEverythingBelowADirectory) {
  for (const char* name : {"a.c", "sub/b.c", "node_modules/x.js", ".git/HEAD", "sub/__pycache__/b.pyc"})
    write(name, "");
  EXPECT_THAT(names(), ElementsAre("a.c", "sub/b.c"));
}

TEST_F(FilesTest, LeavesOutWhatTheRepositoryDoes) {
  for (const char* name : {".git/HEAD", "web/a.c", "web/a.o", "web/dist/x", "web/keep/a.o", "web/debug.log"})
    write(name, "");
  write(".gitignore", "*.o\n");
  write("web/.gitignore", "/dist/\n!keep/a.o\n");
  EXPECT_THAT(names({}, {"*.log"}, "web"), ElementsAre("web/.gitignore", "web/a.c", "web/keep/a.o"));
  EXPECT_THAT(names({}, {"*.log", "!dist/"}, "web"),
              ElementsAre("web/.gitignore", "web/a.c", "web/dist/x", "web/keep/a.o"));
}

TEST_F(FilesTest, TakesNoWordFromAboveWhereThereIsNoRepository) {
  write(".gitignore", "*\n");
  write("web/a.c", "");
  EXPECT_THAT(names({}, {}, "web"), ElementsAre("web/a.c"));
}

TEST_F(FilesTest, CountsTheInputsThatAreNamed) {
  for (const char* name :
       {"go.mod", "a.go", "a.md", "deep/b.go", "src/x/y", "src/z", "crates/one/src/lib.rs", "crates/one/README"})
    write(name, "");
  EXPECT_THAT(names({"go.mod"}), ElementsAre("go.mod"));
  EXPECT_THAT(names({"*.go"}), ElementsAre("a.go", "deep/b.go"));
  EXPECT_THAT(names({"./*.go"}), ElementsAre("a.go"));
  EXPECT_THAT(names({"src"}), ElementsAre("src/x/y", "src/z"));
  EXPECT_THAT(names({"crates/*/src"}), ElementsAre("crates/one/src/lib.rs"));
  EXPECT_THAT(names({"crates/**/*.rs", "go.mod"}), ElementsAre("crates/one/src/lib.rs", "go.mod"));
  EXPECT_THAT(names({"../go.mod"}, {}, "src"), ElementsAre("go.mod"));
  EXPECT_THAT(names({"missing", "none/*"}), IsEmpty());
}

TEST_F(FilesTest, CountsAnInputThatIsNamedThoughTheRepositoryLeavesItOut) {
  write(".gitignore", "made\n");
  write("made/api.json", "");
  EXPECT_THAT(names({"made/api.json"}), ElementsAre("made/api.json"));
  EXPECT_THAT(names({"made"}), ElementsAre("made/api.json"));
}

TEST_F(FilesTest, SeesContentModeAndLinks) {
  write("a", "1");
  fs::create_symlink("a", top / "link");
  const Scope scope{.dir = top.string(), .inputs = {}, .ignore = {}};
  const Files before = read(scope);
  EXPECT_EQ(read(scope), before);
  write("a", "1");
  EXPECT_EQ(read(scope), before) << "what is written again is the same";
  write("a", "2");
  const Files edited = read(scope);
  EXPECT_NE(edited.at((top / "a").string()), before.at((top / "a").string()));
  EXPECT_NE(edited.at((top / "link").string()), before.at((top / "link").string()));
  fs::permissions(top / "a", fs::perms::owner_all);
  EXPECT_NE(read(scope).at((top / "a").string()), edited.at((top / "a").string()));
}

TEST_F(FilesTest, LeavesOutWhatIsApart) {
  write("a", "1");
  write("state/log", "1");
  reader.set_apart({(top / "state").string()});
  EXPECT_THAT(names(), ElementsAre("a"));
  write("other/b", "1");
  const Files files = read({.dir = top.string(), .inputs = {}, .ignore = {}, .apart = {(top / "other").string()}});
  EXPECT_EQ(files.size(), 1U);
}

TEST_F(FilesTest, DoesNotFollowALinkToADirectory) {
  write("a", "1");
  fs::create_directory_symlink(".", top / "loop");
  EXPECT_THAT(names(), ElementsAre("a", "loop"));
}

}  // namespace
}  // namespace bulkhead::builds
