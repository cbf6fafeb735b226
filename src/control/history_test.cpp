#include "control/history.hpp"

#include <filesystem>

#include <gtest/gtest.h>

#include "base/fd.hpp"

namespace bulkhead::control {
namespace {

class HistoryTest : public testing::Test {
 protected:
  HistoryTest() {
    std::string pattern = testing::TempDir() + "historyXXXXXX";
    directory_ = std::string(::mkdtemp(pattern.data())) + "/history";
  }
  ~HistoryTest() override { std::filesystem::remove_all(std::filesystem::path(directory_).parent_path()); }

  static Desired desired(const std::string& text) {
    Desired made;
    made.text = text;
    return made;
  }
  static Revision revision(const std::string& hash, const std::string& desired = "0123456789abcdef") {
    Revision made;
    made.hash = hash;
    made.desired = desired;
    made.time = 1'700'000'000;
    made.who = "ann";
    made.why = "up";
    return made;
  }

  std::string directory_;
};

TEST_F(HistoryTest, NumbersWhatChangedAndKnowsWhatToGoBackTo) {
  History history = *History::open(directory_);
  EXPECT_EQ(history.current("web"), nullptr);
  EXPECT_EQ(history.note("web", revision("r1")).number, 1);
  EXPECT_EQ(history.note("web", revision("r1")).number, 1) << "the same again is no news";
  EXPECT_EQ(history.before("web", "r2"), nullptr) << "r1 is not proven";
  history.prove("web", "r1");
  EXPECT_EQ(history.note("web", revision("r2")).number, 2);
  EXPECT_EQ(history.before("web", "r2")->number, 1);
  history.give_up("web", "r2", "it did not get ready");
  EXPECT_EQ(history.note("web", revision("r1")).number, 3);
  EXPECT_TRUE(history.current("web")->proven) << "it was before";
  EXPECT_EQ(history.note("web", revision("r2")).number, 4);
  EXPECT_FALSE(history.current("web")->proven);
  EXPECT_EQ(history.find("web", 2)->failed, "it did not get ready");
  EXPECT_EQ(history.find("web", 9), nullptr);
}

TEST_F(HistoryTest, WhatCouldNotBeKeptIsNoneToGoBackTo) {
  History history = *History::open(directory_);
  history.note("web", revision("r1", ""));
  history.prove("web", "r1");
  history.note("web", revision("r2"));
  EXPECT_EQ(history.before("web", "r2"), nullptr);
}

TEST_F(HistoryTest, AFailedRevisionThatIsWantedAgainIsTriedAgain) {
  History history = *History::open(directory_);
  history.note("web", revision("r1"));
  history.give_up("web", "r1", "no");
  EXPECT_EQ(history.note("web", revision("r1")).number, 2);
}

TEST_F(HistoryTest, SurvivesAndForgetsWhatNothingRefersTo) {
  std::string first;
  {
    History history = *History::open(directory_);
    first = *history.keep(desired("one"));
    const std::string second = *history.keep(desired("two"));
    EXPECT_EQ(*history.keep(desired("one")), first);
    history.note("web", revision("r1", second));
    ASSERT_TRUE(history.save({first}));
    EXPECT_TRUE(history.desired(first));
  }
  History history = *History::open(directory_);
  EXPECT_EQ(history.of("web").size(), 1U);
  EXPECT_EQ(history.desired(history.current("web")->desired)->text, "two");
  for (std::size_t i = 0; i < 2 * History::kKept; ++i) history.note("web", revision("x" + std::to_string(i), first));
  EXPECT_EQ(history.of("web").size(), History::kKept);
  EXPECT_EQ(history.current("web")->number, 21);
  const std::string second = history.of("web").front().desired;
  ASSERT_TRUE(history.save({}));
  EXPECT_EQ(history.desired(first)->text, "one");
  const auto files = std::distance(std::filesystem::directory_iterator(directory_), {});
  EXPECT_EQ(files, 2) << "the list, and the only one still referred to";
  for (const auto& entry : std::filesystem::directory_iterator(directory_))
    EXPECT_EQ(entry.status().permissions(), std::filesystem::perms(0600)) << entry.path();
}

TEST_F(HistoryTest, ABrokenListIsSaid) {
  std::filesystem::create_directory(directory_);
  ASSERT_TRUE(write_file_atomically(directory_ + "/revisions.json", "{\"services\": {\"web\": [{}]}}", 0600));
  const auto history = History::open(directory_);
  ASSERT_FALSE(history);
  EXPECT_EQ(history.error().cause, Cause::invalid);
  EXPECT_NE(history.error().message.find("revisions.json is not as expected"), std::string::npos);
}

}  // namespace
}  // namespace bulkhead::control
