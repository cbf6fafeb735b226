#include "builds/record.hpp"

#include <gtest/gtest.h>

namespace bulkhead::builds {
namespace {

const Commands kMake{{"/bin/sh", "-ec", "make"}};

Now now(Files files, std::string program = "") {
  Now result{.files = std::move(files), .programs = {{"/w/web", std::move(program)}}, .inputs = {}};
  for (const auto& [path, hash] : result.files) result.inputs.insert(path);
  return result;
}

std::string reason(const Record& record, const Now& there) { return reason_to_build(&record, kMake, there, "/w"); }

TEST(Record, SaysWhyABuildHasToRun) {
  EXPECT_EQ(reason_to_build(nullptr, kMake, now({}), "/w"), "it was not built here before");
  const Record record =
      learn(nullptr, kMake, now({{"/w/a.c", "1"}, {"/w/b.c", "1"}}), now({{"/w/a.c", "1"}, {"/w/b.c", "1"}}, "p"));
  EXPECT_EQ(reason(record, now({{"/w/a.c", "1"}, {"/w/b.c", "1"}}, "p")), "");
  EXPECT_EQ(reason(record, now({{"/w/a.c", "2"}, {"/w/b.c", "1"}}, "p")), "a.c has changed");
  EXPECT_EQ(reason(record, now({{"/w/a.c", "2"}, {"/w/b.c", "2"}}, "p")), "a.c has changed, and 1 more");
  EXPECT_EQ(reason(record, now({{"/w/a.c", "1"}}, "p")), "b.c is gone");
  EXPECT_EQ(reason(record, now({{"/w/a.c", "1"}, {"/w/b.c", "1"}, {"/w/c.c", "1"}}, "p")), "c.c is new");
  EXPECT_EQ(reason(record, now({{"/w/a.c", "1"}, {"/w/b.c", "1"}}, "")), "web is not there");
  EXPECT_EQ(reason(record, now({{"/w/a.c", "1"}, {"/w/b.c", "1"}}, "q")), "web has changed");
  EXPECT_EQ(reason_to_build(&record, {{"make"}}, now({}), "/w"), "its command has changed");
}

TEST(Record, TakesWhatAppearsForAnOutput) {
  const Now before = now({{"/w/a.c", "1"}});
  const Record record = learn(nullptr, kMake, before, now({{"/w/a.c", "1"}, {"/w/a.o", "9"}}, "p"));
  EXPECT_EQ(record.outputs, (Files{{"/w/a.o", "9"}}));
  EXPECT_EQ(reason(record, now({{"/w/a.c", "1"}, {"/w/a.o", "9"}}, "p")), "");
  EXPECT_EQ(reason(record, now({{"/w/a.c", "1"}}, "p")), "a.o is gone");

  // It changes with each build: no reason for another one.
  const Record next = learn(&record, kMake, now({{"/w/a.c", "2"}, {"/w/a.o", "9"}}, "p"),
                            now({{"/w/a.c", "2"}, {"/w/a.o", "10"}}, "q"));
  EXPECT_EQ(next.outputs, (Files{{"/w/a.o", "10"}}));
  EXPECT_EQ(reason(next, now({{"/w/a.c", "2"}, {"/w/a.o", "10"}}, "q")), "");
}

TEST(Record, BuildsOnceMoreForAFileThatChangedMeanwhile) {
  const Now before = now({{"/w/a.c", "1"}, {"/w/version.h", "1"}});
  const Now after = now({{"/w/a.c", "2"}, {"/w/version.h", "2"}}, "p");  // an edit, and what the build writes
  const Record first = learn(nullptr, kMake, before, after);
  EXPECT_EQ(first.doubtful, (std::set<std::string>{"/w/a.c", "/w/version.h"}));
  EXPECT_EQ(reason(first, after), "a.c has changed, and 1 more");

  const Now again = now({{"/w/a.c", "2"}, {"/w/version.h", "3"}}, "q");
  const Record second = learn(&first, kMake, after, again);
  EXPECT_EQ(second.outputs, (Files{{"/w/version.h", "3"}}));
  EXPECT_EQ(reason(second, again), "");
}

TEST(Record, GivesBackAFileThatSomebodyEdits) {
  const Record record = learn(nullptr, kMake, now({{"/w/a.c", "1"}}), now({{"/w/a.c", "1"}, {"/w/b.c", "1"}}, "p"));
  EXPECT_EQ(record.outputs, (Files{{"/w/b.c", "1"}}));  // it was written while the build ran
  const Now edited = now({{"/w/a.c", "1"}, {"/w/b.c", "2"}}, "p");
  EXPECT_EQ(reason(record, edited), "b.c is new");
  const Record next = learn(&record, kMake, edited, edited);
  EXPECT_EQ(next.outputs, Files());
  EXPECT_EQ(reason(next, now({{"/w/a.c", "1"}, {"/w/b.c", "3"}}, "p")), "b.c has changed");
}

TEST(Record, BuildsAgainAfterAFailureAndKnowsWhatItLeft) {
  const Now before = now({{"/w/a.c", "1"}});
  const Now after = now({{"/w/a.c", "1"}, {"/w/a.o", "1"}});
  const Record failed = learn(nullptr, kMake, before, after, false);
  EXPECT_EQ(reason(failed, after), "its last build failed");
  const Now edited = now({{"/w/a.c", "2"}, {"/w/a.o", "1"}});
  EXPECT_EQ(reason(failed, edited), "a.c has changed");
  const Now built = now({{"/w/a.c", "2"}, {"/w/a.o", "2"}}, "p");
  const Record record = learn(&failed, kMake, edited, built);
  EXPECT_EQ(record.outputs, (Files{{"/w/a.o", "2"}}));
  EXPECT_EQ(reason(record, built), "");
}

TEST(Record, TellsTwoStatesApart) {
  const Now one = now({{"/w/a.c", "1"}}, "p");
  const Record record = learn(nullptr, kMake, one, one);
  EXPECT_EQ(fingerprint(record, one), fingerprint(record, one));
  EXPECT_NE(fingerprint(record, one), fingerprint(record, now({{"/w/a.c", "2"}}, "p")));
  EXPECT_NE(fingerprint(record, one), fingerprint(record, now({{"/w/a.c", "1"}}, "q")));
}

TEST(Record, ComesBackAsItWasWritten) {
  const Record record{.commands = kMake,
                      .inputs = {{"/w/a.c", "1"}},
                      .programs = {{"/w/web", ""}},
                      .outputs = {{"/w/a.o", "2"}},
                      .doubtful = {"/w/x"},
                      .succeeded = false};
  EXPECT_EQ(record_from_json(to_json(record)), record);
  EXPECT_FALSE(record_from_json("{\"commands\": 1}"));
  EXPECT_FALSE(record_from_json("no JSON"));
}

}  // namespace
}  // namespace bulkhead::builds
