#include "control/tree_copy.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace bulkhead::control {
namespace {

namespace fs = std::filesystem;

class TreeCopyTest : public testing::Test {
 protected:
  TreeCopyTest() {
    std::string pattern = testing::TempDir() + "treeXXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    fs::create_directories(directory_ + "/from/lib/deep");
    write("app", "one", 0755);
    write("lib/part", "part");
    write("lib/deep/data", std::string(700'000, 'd'));
    fs::create_symlink("../app", directory_ + "/from/lib/link");
    fs::create_symlink("/etc/passwd", directory_ + "/from/away");
  }
  ~TreeCopyTest() override { fs::remove_all(directory_); }

  void write(const std::string& name, const std::string& content, unsigned mode = 0644) const {
    const std::string path = directory_ + "/from/" + name;
    std::ofstream(path) << content;
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
  }
  std::string read(const std::string& copy, const std::string& name) const {
    return read_file(directory_ + "/" + copy + "/" + name).value_or("?");
  }
  struct stat look(const std::string& path) const {
    struct stat info{};
    EXPECT_EQ(::lstat((directory_ + "/" + path).c_str(), &info), 0) << path;
    return info;
  }
  bool is_same(const std::string& left, const std::string& right) const {
    return look(left).st_ino == look(right).st_ino;
  }
  // Later than everything that was written, and earlier than everything that will be.
  static std::timespec now() {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const std::timespec time = file_time_now();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return time;
  }
  TreeCopy tree(const std::string& to, const std::string& before = "") const {
    return {.from = directory_ + "/from",
            .to = directory_ + "/" + to,
            .before = before.empty() ? "" : directory_ + "/" + before,
            .as_of = now()};
  }
  Result<> copy(const std::string& to, const std::string& before = "") {
    return copy_tree(tree(to, before), known_, going_);
  }

  std::string directory_;
  TreeFiles known_;
  const std::atomic<bool> going_ = false;
};

TEST_F(TreeCopyTest, HasWhatIsThereAndNothingThatLeadsOut) {
  ::mkfifo((directory_ + "/from/pipe").c_str(), 0600);
  ASSERT_TRUE(copy("one"));
  EXPECT_EQ(read("one", "app"), "one");
  EXPECT_EQ(read("one", "lib/deep/data"), std::string(700'000, 'd'));
  EXPECT_EQ(look("one/app").st_mode & 07777U, 0755U);
  EXPECT_EQ(look("one/app").st_mtim.tv_nsec, look("from/app").st_mtim.tv_nsec);
  EXPECT_EQ(fs::read_symlink(directory_ + "/one/lib/link"), "../app");
  EXPECT_EQ(fs::read_symlink(directory_ + "/one/away"), "/etc/passwd") << "as it is, not what it leads to";
  EXPECT_FALSE(fs::exists(directory_ + "/one/pipe"));
  EXPECT_FALSE(is_same("one/app", "from/app")) << "an edit in place would be one of the copy";
}

TEST_F(TreeCopyTest, SharesWhatDidNotChangeWithTheCopyBefore) {
  ASSERT_TRUE(copy("one"));
  write("app", "two", 0755);
  write("lib/more", "more");
  ASSERT_TRUE(copy("two", "one"));
  EXPECT_EQ(read("one", "app"), "one");
  EXPECT_EQ(read("two", "app"), "two");
  EXPECT_EQ(read("two", "lib/more"), "more");
  EXPECT_TRUE(is_same("one/lib/part", "two/lib/part"));
  // A process that knows nothing of the copy before compares.
  known_.clear();
  write("lib/part", "trap");
  fs::last_write_time(directory_ + "/from/lib/part", fs::last_write_time(directory_ + "/two/lib/part"));
  ASSERT_TRUE(copy("three", "two"));
  EXPECT_EQ(read("three", "lib/part"), "trap") << "the same length and time do not make it the same";
  EXPECT_TRUE(is_same("three/lib/deep/data", "one/lib/deep/data"));
  EXPECT_TRUE(is_same("three/app", "two/app"));
}

TEST_F(TreeCopyTest, AMoveThatKeepsEveryTimeIsSeen) {
  ASSERT_TRUE(copy("one"));
  fs::create_directory(directory_ + "/from/new");
  write("new/part", "else");
  fs::last_write_time(directory_ + "/from/new/part", fs::last_write_time(directory_ + "/from/lib/part"));
  ASSERT_TRUE(copy("two", "one"));
  fs::rename(directory_ + "/from/lib", directory_ + "/from/old");
  fs::rename(directory_ + "/from/new", directory_ + "/from/lib");
  ASSERT_TRUE(copy("three", "two"));
  EXPECT_EQ(read("three", "lib/part"), "else");
  EXPECT_EQ(read("three", "old/part"), "part");
}

TEST_F(TreeCopyTest, IsOfOneMomentOrNotAtAll) {
  for (const auto& [what, change] : std::map<std::string, std::function<void()>>{
           {"an edit", [&] { write("lib/part", "late"); }},
           {"a file that is new", [&] { write("lib/late", ""); }},
           {"one that is gone", [&] { fs::remove(directory_ + "/from/lib/late"); }},
           {"one in the place of another",
            [&] { fs::rename(directory_ + "/from/lib/part", directory_ + "/from/app"); }},
           {"a bit", [&] { fs::permissions(directory_ + "/from/app", fs::perms::owner_read); }}}) {
    const TreeCopy late = tree("late");
    change();
    const auto copied = copy_tree(late, known_, going_);
    ASSERT_FALSE(copied) << what;
    EXPECT_EQ(copied.error().cause, Cause::conflict) << what;
    EXPECT_FALSE(fs::exists(directory_ + "/late")) << what;
  }
}

TEST_F(TreeCopyTest, WhatIsNoProgramIsThereAndEmpty) {
  fs::create_directories(directory_ + "/from/.git/objects");
  fs::create_directories(directory_ + "/from/state/b");
  write("state/b/log", "x");
  write("database", "rows");
  TreeCopy apart = tree("one");
  apart.apart = {directory_ + "/from/state", directory_ + "/from/database"};
  write("state/b/log", "more of it meanwhile");
  write("database", "more rows");
  ASSERT_TRUE(copy_tree(apart, known_, going_));
  EXPECT_TRUE(fs::is_empty(directory_ + "/one/state"));
  EXPECT_TRUE(fs::is_empty(directory_ + "/one/.git"));
  EXPECT_EQ(read("one", "database"), "");
}

TEST_F(TreeCopyTest, HasBoundsAndCanBeStopped) {
  TreeCopy bounded = tree("one");
  bounded.most_bytes = 100'000;
  EXPECT_EQ(copy_tree(bounded, known_, going_).error().cause, Cause::exhausted);
  bounded.most_bytes = 1U << 20U;
  bounded.most_files = 3;
  EXPECT_EQ(copy_tree(bounded, known_, going_).error().message, directory_ + "/from holds more than 3 files");
  bounded.most_files = 5;
  const std::atomic<bool> stopped = true;
  EXPECT_EQ(copy_tree(bounded, known_, stopped).error().cause, Cause::closed);
  EXPECT_FALSE(fs::exists(directory_ + "/one"));
  ASSERT_TRUE(copy_tree(bounded, known_, going_));
}

TEST_F(TreeCopyTest, ACopyOfWhatItsOwnerMayNotWriteCanBeRemoved) {
  fs::permissions(directory_ + "/from/lib", fs::perms::owner_read | fs::perms::owner_exec);
  ASSERT_TRUE(copy("one"));
  EXPECT_EQ(look("one/lib").st_mode & 0777U, 0700U);
  fs::permissions(directory_ + "/from/lib", fs::perms::owner_all);
}

}  // namespace
}  // namespace bulkhead::control
