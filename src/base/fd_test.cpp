#include "base/fd.hpp"

#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace bulkhead {
namespace {

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string pattern = "/tmp/bulkhead-base-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~FileTest() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST_F(FileTest, WhatIsWrittenAtomicallyIsReadBackWithItsMode) {
  const std::string path = directory_ + "/state";
  ASSERT_TRUE(write_file_atomically(path, "one", 0600));
  ASSERT_TRUE(write_file_atomically(path, "two", 0640));
  EXPECT_EQ(*read_file(path), "two");
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0640U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
}

TEST_F(FileTest, AFileAboveTheLimitIsRefused) {
  const std::string path = directory_ + "/big";
  ASSERT_TRUE(write_file_atomically(path, std::string(100, 'x')));
  const auto read = read_file(path, 99);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().cause, Cause::exhausted);
}

TEST_F(FileTest, AMissingFileSaysItsPathAndWhy) {
  const auto read = read_file(directory_ + "/none");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().cause, Cause::not_found);
  EXPECT_EQ(read.error().message, "open " + directory_ + "/none: No such file or directory");
}

TEST_F(FileTest, DirectoriesAreMadeWithTheirParentsAndMakingThemAgainIsFine) {
  ASSERT_TRUE(make_directories(directory_ + "/a/b/c"));
  ASSERT_TRUE(make_directories(directory_ + "/a/b/c"));
  EXPECT_TRUE(std::filesystem::is_directory(directory_ + "/a/b/c"));
}

TEST(Fd, MovingLeavesNothingBehind) {
  Fd one(::dup(0));
  Fd two = std::move(one);
  EXPECT_FALSE(one);  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(two);
}

}  // namespace
}  // namespace bulkhead
