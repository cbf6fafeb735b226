#include "collect/tail.hpp"

#include <filesystem>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "telemetry/records.hpp"

namespace bulkhead::collect {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class TailTest : public testing::Test {
 protected:
  TailTest() {
    std::string pattern = testing::TempDir() + "tail-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    options_.path = directory_ + "/records";
  }
  ~TailTest() override { std::filesystem::remove_all(directory_); }

  std::vector<std::string> read(Tail& tail) {
    std::vector<std::string> lines;
    const Tail::Sink sink{[&](std::string_view line) -> Result<> {
                            lines.emplace_back(line);
                            return {};
                          },
                          [&](std::uint64_t lost) -> Result<> {
                            lines.push_back(fmt::format("lost {}", lost));
                            return {};
                          }};
    for (Result<bool> more = true; more && *more;) more = tail.read(1000, sink);
    return lines;
  }
  void write(telemetry::Records& records, std::string_view line) {
    records.append(line);
    records.flush();
  }

  std::string directory_;
  telemetry::Records::Options options_;
};

TEST_F(TailTest, LinesComeOnceAndGoOnInAnotherProcess) {
  Tail tail(options_.path, 3, {});
  EXPECT_THAT(read(tail), IsEmpty());
  EXPECT_FALSE(tail.has_news());
  const auto records = *telemetry::Records::open(options_);
  write(*records, "{\"a\":1}");
  EXPECT_TRUE(tail.has_news());
  write(*records, "{\"a\":2}");
  EXPECT_THAT(read(tail), ElementsAre("{\"a\":1}", "{\"a\":2}"));
  EXPECT_THAT(read(tail), IsEmpty());
  write(*records, "{\"a\":3}");
  Tail another(options_.path, 3, tail.position());
  EXPECT_THAT(read(another), ElementsAre("{\"a\":3}"));
  EXPECT_EQ(another.position().lines, 3U);
}

TEST_F(TailTest, RotationLosesNothingThatIsStillThere) {
  options_.file_bytes = 20;
  options_.old_files = 3;
  const auto records = *telemetry::Records::open(options_);
  Tail tail(options_.path, 3, {});
  write(*records, "{\"line\":\"0\"}");
  EXPECT_THAT(read(tail), ElementsAre("{\"line\":\"0\"}"));
  for (int i = 1; i < 4; ++i) write(*records, fmt::format("{{\"line\":\"{}\"}}", i));
  EXPECT_THAT(read(tail), ElementsAre("{\"line\":\"1\"}", "{\"line\":\"2\"}", "{\"line\":\"3\"}"));
}

TEST_F(TailTest, WhatWasOverwrittenIsCounted) {
  options_.file_bytes = 20;
  options_.old_files = 1;
  const auto records = *telemetry::Records::open(options_);
  Tail tail(options_.path, 1, {});
  write(*records, "{\"line\":\"0\"}");
  EXPECT_THAT(read(tail), ElementsAre("{\"line\":\"0\"}"));
  std::size_t lost = 0, seen = 0;
  for (int i = 1; i < 9; ++i) write(*records, fmt::format("{{\"line\":\"{}\"}}", i));
  for (const std::string& line : read(tail)) {
    if (line.starts_with("lost "))
      lost += std::stoul(line.substr(5));
    else
      ++seen;
  }
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(lost + seen, 8U);
  EXPECT_EQ(tail.position().lines, 9U);
}

TEST_F(TailTest, HalfALineWaitsForItsEnd) {
  const Fd file(::open(options_.path.c_str(), O_WRONLY | O_CREAT, 0600));
  Tail tail(options_.path, 3, {});
  ASSERT_EQ(::write(file.get(), "{\"a\":", 5), 5);
  EXPECT_THAT(read(tail), IsEmpty());
  ASSERT_EQ(::write(file.get(), "1}\n", 3), 3);
  EXPECT_THAT(read(tail), ElementsAre("{\"a\":1}"));
}

TEST_F(TailTest, ALineThatIsLongerThanAnythingIsSkippedAndCounted) {
  const Fd file(::open(options_.path.c_str(), O_WRONLY | O_CREAT, 0600));
  const std::string text = std::string(5U << 20U, 'x') + "\n{\"a\":1}\n";
  ASSERT_EQ(::write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  Tail tail(options_.path, 3, {});
  EXPECT_THAT(read(tail), ElementsAre("lost 1", "{\"a\":1}"));
}

TEST_F(TailTest, AFaultOfTheSinkIsReadAgainFromAPositionThatWasKept) {
  const auto records = *telemetry::Records::open(options_);
  write(*records, "{\"a\":1}");
  Tail tail(options_.path, 3, {});
  const Position kept = tail.position();
  const Tail::Sink full{[](std::string_view) -> Result<> { return fail(Cause::exhausted, "the disk is full"); },
                        [](std::uint64_t) -> Result<> { return {}; }};
  EXPECT_FALSE(tail.read(1000, full).has_value());
  tail.go_back(kept);
  EXPECT_THAT(read(tail), ElementsAre("{\"a\":1}"));
}

}  // namespace
}  // namespace bulkhead::collect
