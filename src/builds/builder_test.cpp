#include "builds/builder.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

namespace bulkhead::builds {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class BuilderTest : public testing::Test {
 protected:
  BuilderTest() {
    std::string name = "/tmp/bulkhead-builder-XXXXXX";
    top = ::mkdtemp(name.data());
    fs::create_directories(top / "work");
    write("source", "one");
  }
  ~BuilderTest() override { fs::remove_all(top); }

  void write(const std::string& name, const std::string& text) { std::ofstream(top / "work" / name) << text; }

  Unit unit(const std::string& name, const std::string& line) {
    return {.services = {name},
            .commands = {{"/bin/sh", "-ec", line}},
            .scope = {.dir = (top / "work").string(), .inputs = {}, .ignore = {}},
            .run_from = {},
            .programs = {}};
  }

  Builder builder() {
    return Builder(
        (top / "memory").string(), files,
        {.begins = [this](const Unit& each, const std::string& why) { told.push_back(each.name() + ": " + why); },
         .writes = [this](const Unit&, std::string_view line) { lines.emplace_back(line); },
         .done = [](const Unit&, Builder::Millis) {},
         .unchanged = [this](const Unit& each) { told.push_back(each.name() + " is unchanged"); },
         .not_remembered = [this](const Fault& fault) { told.push_back(fault.message); }},
        [this] { return stopped; });
  }

  fs::path top;
  FileReader files{{}};
  std::vector<std::string> told;
  std::vector<std::string> lines;
  bool stopped = false;
};

TEST_F(BuilderTest, RunsWhatHasChangedAlone) {
  const std::vector<Unit> units{unit("web", "cat source; echo; echo built >&2; cp source web")};
  auto first = builder();
  const auto made = first.build(units);
  EXPECT_THAT(made.failures, IsEmpty());
  EXPECT_THAT(lines, ElementsAre("one", "built"));
  auto second = builder();
  EXPECT_EQ(second.build(units).sources, made.sources);
  write("source", "two");
  EXPECT_THAT(second.plan(units).reasons, ElementsAre(testing::Pair("web", "source has changed")));
  EXPECT_NE(second.build(units).sources, made.sources);
  EXPECT_THAT(told, ElementsAre("web: it was not built here before", "web is unchanged", "web: source has changed"));
  EXPECT_THAT(second.plan(units).reasons, IsEmpty());
}

TEST_F(BuilderTest, DoesNotRepeatWhatFailedUntilSomethingChanges) {
  const std::vector<Unit> units{unit("web", "echo no; exit 3"), unit("api", "true")};
  auto all = builder();
  auto outcome = all.build(units);
  ASSERT_EQ(outcome.failures.size(), 1U);
  EXPECT_EQ(outcome.failures[0].problem, "exited with 3");
  EXPECT_FALSE(outcome.failures[0].known);
  lines.clear();
  outcome = all.build(units);
  ASSERT_EQ(outcome.failures.size(), 1U);
  EXPECT_TRUE(outcome.failures[0].known);
  EXPECT_THAT(lines, IsEmpty());
  EXPECT_TRUE(outcome.sources.contains("api")) << "the others go on";
  write("source", "two");
  EXPECT_FALSE(all.build(units).failures[0].known);
  EXPECT_THAT(lines, ElementsAre("no"));
}

TEST_F(BuilderTest, SaysWhatCannotBeRun) {
  Unit missing = unit("web", "");
  missing.commands = {{"no-such-program"}};
  auto all = builder();
  EXPECT_THAT(all.build({missing}).failures[0].problem, HasSubstr("no program \"no-such-program\" in PATH"));
  missing.scope.dir = (top / "nowhere").string();
  EXPECT_THAT(all.build({missing}).failures[0].problem, HasSubstr("there is no directory"));
}

TEST_F(BuilderTest, BeginsNothingOnceItIsStopped) {
  stopped = true;
  auto all = builder();
  const auto outcome = all.build({unit("web", "touch begun")});
  EXPECT_THAT(outcome.sources, IsEmpty());
  EXPECT_FALSE(fs::exists(top / "work/begun"));
}

TEST_F(BuilderTest, EndsWithoutWaitingForWhatABuildLeavesInTheBackground) {
  const std::string left = (top / "left").string();
  auto all = builder();
  const auto outcome = all.build({unit("web", "sleep 1000 & echo $! >" + left + "; echo last")});
  EXPECT_THAT(outcome.failures, IsEmpty());
  EXPECT_THAT(lines, ElementsAre("last"));
  pid_t pid = 0;
  std::ifstream(left) >> pid;
  ASSERT_GT(pid, 0);
  ::kill(pid, SIGKILL);
}

TEST_F(BuilderTest, RunsBuildsOfOneDirectoryOneAfterTheOther) {
  const std::string line = "test ! -e here; touch here; sleep 0.05; rm here";
  auto all = builder();
  EXPECT_THAT(all.build({unit("one", line), unit("two", line + "; true"), unit("three", line + "; :")}).failures,
              IsEmpty());
}

}  // namespace
}  // namespace bulkhead::builds
