#include "control/log_reader.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace bulkhead::control {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Logs : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(directory_.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string path(const std::string& instance) const { return directory_ + "/" + instance + ".log"; }
  void write(const std::string& instance, const std::string& text) const {
    std::ofstream(path(instance), std::ios::app) << R"({"time":"t","stream":"stdout","line":")" << text << "\"}\n";
  }
  std::vector<std::string> read(LogReader& reader, std::size_t most = SIZE_MAX) {
    std::vector<std::string> lines;
    more_ =
        !reader.read_new([&](const std::string& instance,
                             const nlohmann::json& line) { lines.push_back(instance + " " + line.value("line", "")); },
                         most);
    return lines;
  }
  std::string directory_ = "/tmp/bulkhead-logs-XXXXXX";
  bool more_ = false;
};

TEST_F(Logs, BeginWithTheLastLinesOfEachInstanceAndGoOn) {
  for (int i = 1; i <= 5; ++i) write("web-1", std::to_string(i));
  write("web-2", "only");
  write("platform", "not a service's");
  LogReader reader(directory_, "", 2);
  EXPECT_FALSE(reader.found_any());
  EXPECT_THAT(read(reader), ElementsAre("web-1 4", "web-1 5", "web-2 only"));
  EXPECT_TRUE(reader.found_any());
  EXPECT_THAT(read(reader), IsEmpty());
  write("web-1", "6");
  write("new-1", "first");
  EXPECT_THAT(read(reader), ElementsAre("new-1 first", "web-1 6"));
}

TEST_F(Logs, OfOneServiceOrOneInstance) {
  write("web-1", "a");
  write("web-2", "b");
  write("web-front-1", "c");
  LogReader service(directory_, "web", 9);
  EXPECT_THAT(read(service), ElementsAre("web-1 a", "web-2 b"));
  LogReader instance(directory_, "web-2", 9);
  EXPECT_THAT(read(instance), ElementsAre("web-2 b"));
  LogReader nothing(directory_, "other", 9);
  EXPECT_THAT(read(nothing), IsEmpty());
}

TEST_F(Logs, NoneOfTheLastLinesIsOnlyWhatComes) {
  write("web-1", "before");
  LogReader reader(directory_, "web", 0);
  EXPECT_THAT(read(reader), IsEmpty());
  write("web-1", "after");
  EXPECT_THAT(read(reader), ElementsAre("web-1 after"));
}

TEST_F(Logs, LastLinesAreFoundInAFileThatIsLargerThanAPiece) {
  const std::string filling(1000, 'x');
  for (int i = 0; i < 300; ++i) write("web-1", std::to_string(i) + filling);
  LogReader reader(directory_, "", 150);
  const auto lines = read(reader);
  ASSERT_EQ(lines.size(), 150U);
  EXPECT_TRUE(lines.front().starts_with("web-1 150x"));
}

TEST_F(Logs, AFileThatWasRotatedIsReadFromItsBeginning) {
  write("web-1", "old");
  LogReader reader(directory_, "", 9);
  EXPECT_THAT(read(reader), ElementsAre("web-1 old"));
  std::filesystem::rename(path("web-1"), path("web-1") + ".1");
  write("web-1", "new");
  EXPECT_THAT(read(reader), ElementsAre("web-1 new"));
}

TEST_F(Logs, ALineThatIsNotWholeYetWaits) {
  std::ofstream(path("web-1")) << R"({"line":"ha)";
  LogReader reader(directory_, "", 9);
  EXPECT_THAT(read(reader), IsEmpty());
  std::ofstream(path("web-1"), std::ios::app) << "lf\"}\nno json\n";
  EXPECT_THAT(read(reader), ElementsAre("web-1 half"));
}

TEST_F(Logs, NoMoreThanWasAskedForIsReadAtOnce) {
  for (int i = 0; i < 100; ++i) write("web-1", "0123456789");
  LogReader reader(directory_, "", 100);
  std::size_t lines = 0;
  int calls = 0;
  do {
    lines += read(reader, 1000).size();
    ++calls;
  } while (more_ && calls < 100);
  EXPECT_EQ(lines, 100U);
  EXPECT_GT(calls, 4);
}

}  // namespace
}  // namespace bulkhead::control
