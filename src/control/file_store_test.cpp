#include "control/file_store.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace bulkhead::control {
namespace {

namespace fs = std::filesystem;

class FileStoreTest : public testing::Test {
 protected:
  FileStoreTest() {
    std::string pattern = testing::TempDir() + "storeXXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    from_ = directory_ + "/from";
    begin_again();
    fs::create_directories(from_ + "/lib/deep");
    write("app", "one", 0755);
    write("lib/part", "part");
    write("lib/deep/data", std::string(700'000, 'd'));
    fs::create_symlink("../app", from_ + "/lib/link");
    fs::create_symlink("/etc/passwd", from_ + "/away");
  }
  ~FileStoreTest() override { fs::remove_all(directory_); }

  void write(const std::string& name, const std::string& content, unsigned mode = 0644) const {
    std::ofstream(from_ + "/" + name) << content;
    ASSERT_EQ(::chmod((from_ + "/" + name).c_str(), mode), 0);
  }
  // As of a moment that is later than everything that was written, and earlier than everything that will be.
  Wanted wanted(const std::string& id) const {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const std::int64_t time = file_time_ns();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return {.id = "01234567-" + id, .from = from_, .as_of_ns = time};
  }
  Result<> take(const std::string& id) { return store_->take(wanted(id), going_); }
  // Where it is laid out; "" where there is none.
  std::string copy(const std::string& id) {
    if (!store_->has("01234567-" + id)) return "";
    const auto path = store_->lay_out("01234567-" + id);
    return path ? *path : path.error().message;
  }
  std::string read(const std::string& id, const std::string& name) {
    return read_file(copy(id) + "/" + name).value_or("?");
  }
  // As a process that has just begun.
  void begin_again() { store_ = std::make_unique<FileStore>(directory_ + "/store"); }
  std::size_t objects() const {
    const auto all = fs::directory_iterator(directory_ + "/store/objects");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }
  static struct stat look(const std::string& path) {
    struct stat info{};
    EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
    return info;
  }

  std::string directory_, from_;
  std::unique_ptr<FileStore> store_;
  const std::atomic<bool> going_ = false;
};

TEST_F(FileStoreTest, HasWhatIsThereAndNothingThatLeadsOut) {
  ::mkfifo((from_ + "/pipe").c_str(), 0600);
  fs::permissions(from_ + "/lib/deep", fs::perms::owner_read | fs::perms::owner_exec | fs::perms::group_read);
  ASSERT_TRUE(take("one"));
  EXPECT_EQ(read("one", "app"), "one");
  EXPECT_EQ(read("one", "lib/deep/data"), std::string(700'000, 'd'));
  EXPECT_EQ(look(copy("one") + "/app").st_mode & 07777U, 0755U);
  EXPECT_EQ(look(copy("one") + "/app").st_mtim.tv_nsec, look(from_ + "/app").st_mtim.tv_nsec);
  EXPECT_EQ(look(copy("one") + "/lib/deep").st_mode & 07777U, 0740U) << "it has to be removed again";
  EXPECT_EQ(fs::read_symlink(copy("one") + "/lib/link"), "../app");
  EXPECT_EQ(fs::read_symlink(copy("one") + "/away"), "/etc/passwd") << "as it is, not what it leads to";
  EXPECT_FALSE(fs::exists(copy("one") + "/pipe"));
  fs::permissions(from_ + "/lib/deep", fs::perms::owner_all);
}

TEST_F(FileStoreTest, EachFileIsThereOnce) {
  ASSERT_TRUE(take("one"));
  EXPECT_EQ(objects(), 3U);
  write("app", "two", 0755);
  write("lib/more", "more");
  ASSERT_TRUE(take("two"));
  EXPECT_EQ(objects(), 5U);
  EXPECT_EQ(read("one", "app"), "one");
  EXPECT_EQ(read("two", "app"), "two");
  EXPECT_EQ(read("two", "lib/more"), "more");
  EXPECT_EQ(read("one", "lib/more"), "?");
  store_->keep_only({"01234567-two"}, going_);
  EXPECT_EQ(copy("one"), "");
  EXPECT_EQ(objects(), 4U);
  EXPECT_EQ(read("two", "lib/part"), "part");
  fs::remove_all(directory_ + "/store/trees");
  EXPECT_EQ(read("two", "lib/part"), "part") << "laid out again";
}

TEST_F(FileStoreTest, AnotherProcessComparesWhatItDoesNotKnow) {
  ASSERT_TRUE(take("one"));
  write("lib/part", "trap");
  fs::last_write_time(from_ + "/lib/part", fs::last_write_time(copy("one") + "/lib/part"));
  begin_again();
  ASSERT_TRUE(take("two"));
  EXPECT_EQ(read("two", "lib/part"), "trap") << "the same length and time do not make it the same";
  EXPECT_EQ(objects(), 4U);
  EXPECT_EQ(read("one", "lib/part"), "part");
  begin_again();
  fs::permissions(from_ + "/app", fs::perms::owner_read);
  ASSERT_TRUE(take("three"));
  EXPECT_EQ(objects(), 5U);
  EXPECT_EQ(look(copy("three") + "/app").st_mode & 07777U, 0400U);
  EXPECT_EQ(look(copy("two") + "/app").st_mode & 07777U, 0755U);
}

TEST_F(FileStoreTest, AMoveThatKeepsEveryTimeIsSeen) {
  ASSERT_TRUE(take("one"));
  fs::create_directory(from_ + "/new");
  write("new/part", "else");
  fs::last_write_time(from_ + "/new/part", fs::last_write_time(from_ + "/lib/part"));
  ASSERT_TRUE(take("two"));
  fs::rename(from_ + "/lib", from_ + "/old");
  fs::rename(from_ + "/new", from_ + "/lib");
  ASSERT_TRUE(take("three"));
  EXPECT_EQ(read("three", "lib/part"), "else");
  EXPECT_EQ(read("three", "old/part"), "part");
}

TEST_F(FileStoreTest, IsOfOneMomentOrNotAtAll) {
  struct Change {
    const char* what;
    std::function<void()> make;
  };
  ASSERT_TRUE(take("known"));
  for (const Change& change :
       {Change{"an edit", [&] { write("lib/part", "late"); }},
        Change{"a file that is new", [&] { write("lib/late", ""); }},
        Change{"one that is gone", [&] { fs::remove(from_ + "/lib/late"); }},
        Change{"a bit", [&] { fs::permissions(from_ + "/app", fs::perms::owner_read); }},
        Change{"one in the place of another", [&] { fs::rename(from_ + "/lib/part", from_ + "/app"); }}}) {
    const Wanted late = wanted("late");
    change.make();
    const auto taken = store_->take(late, going_);
    ASSERT_FALSE(taken) << change.what;
    EXPECT_EQ(taken.error().cause, Cause::conflict) << change.what;
    EXPECT_EQ(copy("late"), "") << change.what;
  }
  EXPECT_EQ(objects(), 3U) << "nothing of what was given up is left";
  ASSERT_TRUE(take("later"));
  EXPECT_EQ(read("later", "app"), "late");
}

TEST_F(FileStoreTest, WhatIsNoProgramIsThereAndEmpty) {
  fs::create_directories(from_ + "/.git/objects");
  fs::create_directories(from_ + "/state/b");
  write("state/b/log", "x");
  write("database", "rows");
  Wanted apart = wanted("one");
  apart.apart = {from_ + "/state", from_ + "/database"};
  write("state/b/log", "more of it meanwhile");
  write("database", "more rows");
  ASSERT_TRUE(store_->take(apart, going_));
  EXPECT_TRUE(fs::is_empty(copy("one") + "/state"));
  EXPECT_TRUE(fs::is_empty(copy("one") + "/.git"));
  EXPECT_EQ(read("one", "database"), "");
  store_->keep_only({apart.id}, going_);
  EXPECT_EQ(read("one", "app"), "one");
}

TEST_F(FileStoreTest, WhatServicesWriteWholeIsNoProgram) {
  Wanted apart = wanted("one");
  apart.apart = {from_};
  EXPECT_EQ(store_->take(apart, going_).error().message, "services write into " + from_);
}

TEST_F(FileStoreTest, ALinkToItIsFollowed) {
  fs::rename(from_, directory_ + "/41");
  fs::create_directory_symlink("41", from_);
  const Wanted late = wanted("one");
  ASSERT_TRUE(store_->take(late, going_));
  EXPECT_EQ(read("one", "app"), "one");
}

TEST_F(FileStoreTest, WhenEverythingIsTakenAwayItBeginsAgain) {
  ASSERT_TRUE(take("one"));
  fs::remove_all(directory_ + "/store");
  ASSERT_TRUE(take("two"));
  EXPECT_EQ(read("two", "app"), "one");
  EXPECT_EQ(objects(), 3U);
}

TEST_F(FileStoreTest, NamesOfAnyKind) {
  write("line\nend", "1");
  write("\xff", "2");
  ASSERT_TRUE(take("one"));
  EXPECT_EQ(read("one", "line\nend") + read("one", "\xff"), "12");
  EXPECT_EQ(printable("a\nb\xff\x7f"), "a?b\xEF\xBF\xBD?");
}

TEST_F(FileStoreTest, HasBoundsAndCanBeStopped) {
  Wanted bounded = wanted("one");
  bounded.most_bytes = 100'000;
  EXPECT_EQ(store_->take(bounded, going_).error().cause, Cause::exhausted);
  bounded.most_bytes = 1U << 20U;
  bounded.most_files = 3;
  EXPECT_EQ(store_->take(bounded, going_).error().message, from_ + " holds more than 3 files");
  bounded.most_files = 5;
  const std::atomic<bool> stopped = true;
  EXPECT_EQ(store_->take(bounded, stopped).error().cause, Cause::closed);
  EXPECT_EQ(copy("one"), "");
  EXPECT_EQ(objects(), 0U);
  ASSERT_TRUE(store_->take(bounded, going_));
}

TEST_F(FileStoreTest, AListThatIsBrokenIsSaid) {
  ASSERT_TRUE(take("one"));
  const std::string list = directory_ + "/store/01234567-one.list";
  const std::string whole = *read_file(list);
  for (const auto& [text, problem] : std::vector<std::pair<std::string, std::string>>{
           {whole.substr(0, whole.size() - 5), "the files of then: it ends in the middle of an entry"},
           {std::string("d0\0"
                        "0\0"
                        "\0"
                        "\0"
                        "fxyz\0"
                        "0\0"
                        "/a\0"
                        "\0",
                        19),
            "the files of then: an entry without its numbers"},
           {std::string("d0\0"
                        "1c0000000000\0"
                        "\0"
                        "\0"
                        "f999\0"
                        "0\0"
                        "/a\0"
                        "\0",
                        30),
            "the files of then: lay out "}}) {
    ASSERT_TRUE(write_file_atomically(list, text));
    EXPECT_EQ(copy("one").substr(0, problem.size()), problem);
  }
  ASSERT_TRUE(write_file_atomically(list, whole));
  fs::resize_file(directory_ + "/store/objects/1", 1);
  EXPECT_EQ(copy("one").substr(0, 20), "the files of then: /");
  EXPECT_NE(copy("one").find(" was cut from "), std::string::npos);
  ASSERT_TRUE(write_file_atomically(list, "nonsense"));
  store_->keep_only({"01234567-one"}, going_);
  EXPECT_EQ(copy("one"), "");
  EXPECT_EQ(objects(), 0U);
}

}  // namespace
}  // namespace bulkhead::control
