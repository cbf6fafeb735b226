#include "control/kept_files.hpp"

#include <filesystem>
#include <fstream>
#include <functional>

#include <gtest/gtest.h>

#include "base/fd.hpp"

namespace bulkhead::control {
namespace {

namespace fs = std::filesystem;

class KeptFilesTest : public testing::Test {
 protected:
  KeptFilesTest() {
    std::string pattern = testing::TempDir() + "keptXXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    fs::create_directories(directory_ + "/web");
    service_.name = "web";
    service_.dir = "web";
    edit("one");
  }
  ~KeptFilesTest() override { fs::remove_all(directory_); }

  void edit(const std::string& text) {
    std::ofstream(directory_ + "/web/app") << text;
    service_.sources = text;
    ::usleep(10'000);  // file times are no finer
  }
  std::string keep(KeptFiles& kept) {
    std::string id = KeptFiles::id_of(service_, directory_);
    kept.keep({.id = id, .from = directory_ + "/web", .as_of_ns = file_time_ns()});
    return id;
  }
  void wait(const std::function<bool()>& done) {
    const auto until = [](net::Loop& loop, const std::function<bool()>& condition) -> net::Task<> {
      const auto deadline = loop.in(std::chrono::seconds(30));
      while (!condition() && !deadline.passed(loop.now()))
        co_await net::sleep(loop, loop.in(std::chrono::milliseconds(1)));
    };
    loop_.run(until(loop_, done));
    ASSERT_TRUE(done());
  }
  std::string text(const KeptFiles& kept, const std::string& id) {
    return read_file(kept.lay_out(id).value_or("") + "/app").value_or("?");
  }

  net::Loop loop_;
  std::string directory_;
  manifest::Service service_;
};

TEST_F(KeptFilesTest, EachIsWhatItWasAndGoesWhenNobodyNeedsIt) {
  KeptFiles kept(loop_, directory_ + "/programs");
  const std::string one = keep(kept);
  EXPECT_EQ(keep(kept), one) << "it is begun";
  wait([&] { return kept.has(one); });
  edit("two");
  const std::string two = keep(kept);
  wait([&] { return kept.has(two); });
  edit("three");
  EXPECT_EQ(text(kept, one), "one");
  EXPECT_EQ(text(kept, two), "two");
  kept.keep_only({two});
  wait([&] { return !kept.has(one); });
  EXPECT_EQ(text(kept, two), "two");
}

TEST_F(KeptFilesTest, ThoseOfAnotherProcessAreThereAndWhatItDidNotFinishGoes) {
  std::string one;
  {
    KeptFiles kept(loop_, directory_ + "/programs");
    one = keep(kept);
    wait([&] { return kept.has(one); });
  }
  std::ofstream(directory_ + "/programs/objects/99") << "of what was not finished";
  KeptFiles kept(loop_, directory_ + "/programs");
  EXPECT_EQ(text(kept, one), "one");
  kept.keep_only({one});
  wait([&] { return !fs::exists(directory_ + "/programs/objects/99"); });
  EXPECT_EQ(text(kept, one), "one");
}

TEST_F(KeptFilesTest, WhatCannotBeKeptSaysWhy) {
  KeptFiles kept(loop_, directory_ + "/programs");
  std::ofstream(directory_ + "/programs") << "in the way";
  const std::string one = keep(kept);
  wait([&] { return !kept.problem(one).empty(); });
  EXPECT_NE(kept.problem(one).find("Not a directory"), std::string::npos) << kept.problem(one);
  EXPECT_FALSE(kept.has(one));
}

TEST_F(KeptFilesTest, WhereNobodyLookedThereIsNothingToKeep) {
  service_.sources = "";
  EXPECT_EQ(KeptFiles::id_of(service_, directory_), "");
  KeptFiles kept(loop_, directory_ + "/programs");
  kept.keep({.id = "", .from = directory_ + "/web"});
  EXPECT_FALSE(kept.has(""));
}

}  // namespace
}  // namespace bulkhead::control
