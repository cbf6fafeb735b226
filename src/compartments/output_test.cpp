#include "compartments/output.hpp"

#include <filesystem>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace bulkhead::compartments {
namespace {

using testing::ElementsAre;

// A service that writes into a pipe, and the log that comes of it.
class OutputTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "output-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    output_ = std::make_unique<Output>(LogSpec{directory_ / "log"});
    connect(*output_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void connect(Output& output) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    output.add(Output::Source::service_output, Fd(ends[0]));
    service_ = Fd(ends[1]);
  }
  void write(std::string_view text) {
    ASSERT_EQ(::write(service_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    std::array<pollfd, Output::kSources> watched{};
    watched[0].revents = POLLIN;
    output_->on_ready(watched);
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    const auto text = read_file((directory_ / "log").string());
    std::istringstream rest(text ? *text : "");
    for (std::string line; std::getline(rest, line);) lines.push_back(nlohmann::json::parse(line)["line"]);
    return lines;
  }
  std::filesystem::path directory_;
  std::unique_ptr<Output> output_;
  Fd service_;
};

TEST_F(OutputTest, HasNoValueOfASecretInItHoweverItWasWritten) {
  output_->know({{"db", "db", "correct horse\n", 0400, 0}});
  write("one correct ");
  write("horse two\ncorrect hor\n");
  EXPECT_THAT(lines(), ElementsAre("one [secret db] two", "correct hor"));
  write("correct ho");
  output_->finish();
  EXPECT_THAT(lines(), ElementsAre("one [secret db] two", "correct hor", "correct ho"));
}

TEST_F(OutputTest, KnowsAValueThatStandsWhereALongLineIsCut) {
  output_->know({{"db", "db", "correct horse", 0400, 0}});
  const std::string filling(LineCutter::kLongestLine - 6, 'x');
  for (std::size_t at = 0; at < filling.size(); at += 4096) write(std::string_view(filling).substr(at, 4096));
  write("correct ");
  write("horse\n");
  std::string all;
  for (const auto& line : lines()) all += line;
  EXPECT_EQ(all, filling + "[secret db]");
}

TEST_F(OutputTest, KnowsTheFormerValuesOfASecret) {
  output_->know({{"db", "db", "correct horse", 0400, 0}});
  output_->know({{"db", "db", "battery staple", 0400, 0}});
  output_->know({{"db", "db", "battery staple", 0400, 0}});
  write("correct horse, battery staple\n");
  output_->say("it said correct horse");
  EXPECT_THAT(lines(), ElementsAre("[secret db], [secret db]", "it said [secret db]"));
}

TEST_F(OutputTest, HoldsNothingBackOnceNoValueIsKnown) {
  output_->know({{"db", "db", "correct horse", 0400, 0}});
  write("one correct ");
  for (const char* each : {"a", "b", "c", "d"}) output_->know({{"db", "db", each, 0400, 0}});
  write("horse\n");
  EXPECT_THAT(lines(), ElementsAre("one correct horse"));
}

TEST_F(OutputTest, GoesOnWithinAValueAfterItsKeeperBecameAnother) {
  output_->know({{"db", "db", "correct horse", 0400, 0}});
  write("one correct ");
  const auto open = output_->open_at(0);
  EXPECT_EQ(open.rest, "one correct ");
  Output next(LogSpec{directory_ / "log"});
  next.know({{"db", "db", "correct horse", 0400, 0}});
  next.go_on(0, Fd(::dup(open.fd)), open.rest);
  *output_ = std::move(next);
  write("horse\n");
  EXPECT_THAT(lines(), ElementsAre("one [secret db]"));
}

}  // namespace
}  // namespace bulkhead::compartments
