#include "compartments/log_file.hpp"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

namespace bulkhead::compartments {
namespace {

using testing::ElementsAre;

std::vector<std::string> cut(std::initializer_list<std::string_view> chunks) {
  LineCutter cutter;
  std::vector<std::string> lines;
  const auto keep = [&](std::string_view line) { lines.emplace_back(line); };
  for (const auto chunk : chunks) cutter.add(chunk, keep);
  cutter.finish(keep);
  return lines;
}

TEST(LineCutterTest, LinesAreCutWhereverTheBytesWere) {
  EXPECT_THAT(cut({"a\nb", "c\n\nd"}), ElementsAre("a", "bc", "", "d"));
  EXPECT_THAT(cut({"a", "b", "\n"}), ElementsAre("ab"));
  EXPECT_THAT(cut({}), ElementsAre());
}

TEST(LineCutterTest, AMegabyteWithoutALineEndComesInPiecesAndWhole) {
  const std::string megabyte(1U << 20U, 'x');
  const auto lines = cut({megabyte, "\nnext\n"});
  std::size_t size = 0;
  for (const auto& line : lines) size += line.size();
  EXPECT_EQ(size, megabyte.size() + 4);
  for (const auto& line : lines) EXPECT_LE(line.size(), LineCutter::kLongestLine);
  EXPECT_EQ(lines.back(), "next");
}

class LogFileTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(mkdtemp(directory.data()), nullptr);
    path = directory + "/log";
  }
  void TearDown() override { std::filesystem::remove_all(directory); }
  std::string directory = testing::TempDir() + "bulkhead-log-XXXXXX";
  std::string path;
  LogFile::Time time{std::chrono::milliseconds(1'700'000'000'123)};
};

TEST_F(LogFileTest, ALineIsAnObjectOfItsOwn) {
  LogFile log({path, 1024, 2});
  log.add(time, "stdout", "say \"hi\"\r");
  log.flush();
  EXPECT_EQ(*read_file(path),
            "{\"time\":\"2023-11-14T22:13:20.123Z\",\"stream\":\"stdout\",\"line\":\"say \\\"hi\\\"\"}\n");
}

TEST_F(LogFileTest, BytesThatAreNotUtf8AreReplaced) {
  LogFile log({path, 1024, 2});
  log.add(time, "stdout", "a\xff\xfe z");
  log.flush();
  EXPECT_THAT(*read_file(path), testing::HasSubstr("\"line\":\"a\xEF\xBF\xBD\xEF\xBF\xBD z\""));
}

TEST_F(LogFileTest, NeverMoreThanTheStatedFilesAndBytes) {
  LogFile log({path, 500, 3});
  for (int i = 0; i < 100; ++i) {
    log.add(time, "stdout", std::to_string(i));
    log.flush();
  }
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    ++files;
    EXPECT_LE(entry.file_size(), 500U);
  }
  EXPECT_EQ(files, 3U);
  EXPECT_THAT(*read_file(path), testing::HasSubstr("\"99\""));
}

TEST_F(LogFileTest, AFileThatCannotBeWrittenLosesLinesOnly) {
  LogFile log({directory + "/no/such/log", 500, 3});
  log.add(time, "stdout", "x");
  log.flush();
}

}  // namespace
}  // namespace bulkhead::compartments
