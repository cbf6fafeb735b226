#include "control/fleet.hpp"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

namespace bulkhead::control {
namespace {

// Drives a Fleet by hand and shows what it decided as one line, so that a test reads like a transcript.
class FleetTest : public testing::Test {
 protected:
  std::string decide() {
    std::vector<std::string> lines;
    for (const Action& action : fleet.decide(now)) lines.push_back(to_string(action));
    return fmt::format("{}", fmt::join(lines, ", "));
  }
  void want(std::vector<Goal> goals) { fleet.want(std::move(goals), now); }
  void pass(int millis) { now += Millis(millis); }
  std::uint64_t epoch(const std::string& id) { return fleet.slots().at(id).epoch; }
  void started(const std::string& id) { fleet.on_started(id, epoch(id), now); }
  void ready(const std::string& id) {
    started(id);
    fleet.on_health(id, epoch(id), true, "", now);
  }
  void gone(const std::string& id) { fleet.on_gone(id, epoch(id), now, 0.5); }
  Phase phase(const std::string& id) { return fleet.slots().at(id).phase; }

  Fleet fleet;
  Time now = Time() + std::chrono::hours(1);
};

Goal goal(std::string name, std::vector<Need> needs = {}, int scale = 1) {
  Goal goal;
  goal.service = std::move(name);
  goal.needs = std::move(needs);
  goal.scale = scale;
  goal.revision = "r1";
  return goal;
}

TEST_F(FleetTest, StartsInDependencyOrderAndInParallelWhereItCan) {
  want({goal("a", {{"b"}, {"c"}}), goal("b"), goal("c")});
  EXPECT_EQ(decide(), "start b-1#1, start c-1#1");
  ready("b-1");
  EXPECT_EQ(decide(), "");
  EXPECT_EQ(fleet.slots().at("a-1").reason, "waits for c to be ready");
  ready("c-1");
  EXPECT_EQ(decide(), "start a-1#1");
  EXPECT_FALSE(fleet.settled());
  ready("a-1");
  EXPECT_TRUE(fleet.settled());
}

TEST_F(FleetTest, ACallerGivesUpWaitingForACalleeThatDoesNotGetReadyButNotForADependency) {
  want({goal("a", {{"c", Condition::ready, true}}), goal("b", {{"c", Condition::ready, false}}), goal("c")});
  EXPECT_EQ(decide(), "start c-1#1");
  pass(10'000);
  EXPECT_EQ(decide(), "start a-1#1");
}

TEST_F(FleetTest, WhatFellOnceDoesNotWaitForItsCalleesAgain) {
  want({goal("a", {{"c", Condition::ready, true}}), goal("c")});
  decide();
  pass(10'000);
  EXPECT_EQ(decide(), "start a-1#1");
  gone("a-1");
  pass(100);
  EXPECT_EQ(decide(), "start a-1#2");
}

TEST_F(FleetTest, ACrashIsRestartedWithGrowingWaitsAndTheReasonIsShown) {
  want({goal("a")});
  decide();
  started("a-1");
  fleet.on_exit_report("a-1", 1, false, "exited with status 3");
  gone("a-1");
  EXPECT_EQ(phase("a-1"), Phase::backoff);
  EXPECT_EQ(fleet.slots().at("a-1").reason, "exited with status 3");
  EXPECT_EQ(decide(), "");
  ASSERT_EQ(*fleet.next_wake() - now, Millis(100));
  pass(100);
  EXPECT_EQ(decide(), "start a-1#2");
  gone("a-1");
  EXPECT_EQ(*fleet.next_wake() - now, Millis(200));
  EXPECT_EQ(fleet.slots().at("a-1").restarts, 2);
}

TEST_F(FleetTest, AWaitThatEndedWhileTheLastDecisionWasCarriedOutIsNotForgotten) {
  want({goal("a")});
  decide();
  gone("a-1");
  const Time due = now + Millis(100);
  pass(60);
  EXPECT_EQ(decide(), "");
  pass(60);  // a slow disk
  ASSERT_EQ(fleet.next_wake(), due);
  EXPECT_EQ(decide(), "start a-1#2");
}

TEST_F(FleetTest, WhatEndedIsNotReadyAnyMoreThoughItsKeeperStillRuns) {
  want({goal("a")});
  decide();
  ready("a-1");
  fleet.on_exit_report("a-1", 1, false, "killed by signal 9");
  EXPECT_EQ(phase("a-1"), Phase::unready);
  EXPECT_EQ(fleet.slots().at("a-1").reason, "killed by signal 9");
}

TEST_F(FleetTest, HealthThatIsToldBeforeTheProgramRunsCountsFromItsStart) {
  want({goal("a"), goal("b")});
  decide();
  fleet.on_health("a-1", 1, true, "", now);
  fleet.on_health("b-1", 1, false, "connection refused", now);
  EXPECT_EQ(phase("a-1"), Phase::starting);
  EXPECT_FALSE(fleet.settled());
  started("a-1");
  started("b-1");
  EXPECT_EQ(phase("a-1"), Phase::ready);
  EXPECT_EQ(phase("b-1"), Phase::unready);
  EXPECT_EQ(fleet.slots().at("b-1").reason, "connection refused");
}

TEST_F(FleetTest, NewsOfAnEarlierEpochIsIgnored) {
  want({goal("a")});
  decide();
  gone("a-1");
  pass(100);
  decide();
  fleet.on_gone("a-1", 1, now, 0.5);
  EXPECT_EQ(phase("a-1"), Phase::starting);
  fleet.on_health("a-1", 1, true, "", now);
  EXPECT_EQ(phase("a-1"), Phase::starting);
}

TEST_F(FleetTest, GoesDownCallersFirst) {
  want({goal("a", {{"b"}}), goal("b")});
  decide();
  ready("b-1");
  decide();
  ready("a-1");
  fleet.want_down();
  EXPECT_EQ(decide(), "stop a-1#1");
  EXPECT_EQ(decide(), "");
  gone("a-1");
  EXPECT_EQ(decide(), "stop b-1#1");
  gone("b-1");
  EXPECT_TRUE(fleet.empty());
}

TEST_F(FleetTest, WhatDoesNotStopIsKilled) {
  want({goal("a")});
  decide();
  ready("a-1");
  fleet.want_down();
  EXPECT_EQ(decide(), "stop a-1#1");
  pass(34'999);
  EXPECT_EQ(decide(), "");
  pass(1);
  EXPECT_EQ(decide(), "kill a-1#1");
  EXPECT_EQ(decide(), "");
}

TEST_F(FleetTest, ScalingUpAndDownTouchesOnlyTheDifference) {
  want({goal("a", {}, 1)});
  decide();
  ready("a-1");
  want({goal("a", {}, 3)});
  EXPECT_EQ(decide(), "start a-2#1, start a-3#1");
  ready("a-2");
  ready("a-3");
  want({goal("a", {}, 2)});
  EXPECT_EQ(decide(), "stop a-3#1");
  gone("a-3");
  EXPECT_EQ(fleet.slots().size(), 2U);
  want({goal("a", {}, 0)});
  EXPECT_EQ(decide(), "stop a-2#1, stop a-1#1");
}

TEST_F(FleetTest, ARestartReplacesInstancesOneAtATime) {
  want({goal("a", {}, 2)});
  decide();
  ready("a-1");
  ready("a-2");
  ASSERT_TRUE(fleet.restart("a"));
  EXPECT_EQ(decide(), "stop a-1#1");
  EXPECT_EQ(decide(), "");
  gone("a-1");
  EXPECT_EQ(decide(), "start a-1#2");
  ready("a-1");
  EXPECT_EQ(decide(), "stop a-2#1");
  EXPECT_FALSE(fleet.restart("nobody"));
}

TEST_F(FleetTest, ANewRevisionReplacesOnlyItsService) {
  want({goal("a"), goal("b")});
  decide();
  ready("a-1");
  ready("b-1");
  Goal changed = goal("b");
  changed.revision = "r2";
  want({goal("a"), changed});
  EXPECT_EQ(decide(), "stop b-1#1");
  gone("b-1");
  EXPECT_EQ(decide(), "start b-1#2");
}

// The wanted revision is "r2", and one more may run than the scale says.
Goal next_version(int scale = 1) {
  Goal next = goal("a", {}, scale);
  next.revision = "r2";
  next.update.max_surge = 1;
  next.update.max_unavailable = 0;
  next.proven = false;
  next.can_go_back = true;
  return next;
}

TEST_F(FleetTest, ANewRevisionIsReadyBeforeTheOldOneIsStopped) {
  want({goal("a")});
  decide();
  ready("a-1");
  want({next_version()});
  EXPECT_EQ(decide(), "start a-2#1");
  started("a-2");
  EXPECT_EQ(decide(), "");
  EXPECT_FALSE(fleet.settled());
  ready("a-2");
  EXPECT_EQ(decide(), "stop a-1#1");
  EXPECT_EQ(decide(), "");
  EXPECT_FALSE(fleet.settled()) << "the old one still ends";
  gone("a-1");
  EXPECT_EQ(decide(), "proven a");
  EXPECT_TRUE(fleet.settled());
  EXPECT_EQ(fleet.slots().size(), 1U);
}

TEST_F(FleetTest, InstancesAreReplacedOneAfterTheOtherWithoutOneBeingMissing) {
  want({goal("a", {}, 2)});
  decide();
  ready("a-1");
  ready("a-2");
  want({next_version(2)});
  EXPECT_EQ(decide(), "start a-3#1");
  ready("a-3");
  EXPECT_EQ(decide(), "stop a-1#1");
  EXPECT_EQ(decide(), "") << "three run until it is gone";
  gone("a-1");
  EXPECT_EQ(decide(), "start a-1#2");
  ready("a-1");
  EXPECT_EQ(decide(), "stop a-2#1");
  gone("a-2");
  EXPECT_EQ(decide(), "proven a");
}

TEST_F(FleetTest, TheNextStepWaitsUntilANewInstanceWasReadyForLongEnough) {
  want({goal("a")});
  decide();
  ready("a-1");
  Goal next = next_version();
  next.update.pause = Millis(5'000);
  next.update.watch = Millis(30'000);
  want({next});
  decide();
  EXPECT_FALSE(fleet.is_first_step("nobody", now));
  ready("a-2");
  EXPECT_TRUE(fleet.is_first_step("a", now));
  EXPECT_EQ(decide(), "");
  EXPECT_EQ(*fleet.next_wake() - now, Millis(30'000));
  pass(29'999);
  EXPECT_EQ(decide(), "");
  pass(1);
  EXPECT_FALSE(fleet.is_first_step("a", now));
  EXPECT_EQ(decide(), "stop a-1#1");
}

TEST_F(FleetTest, ARevisionThatDoesNotGetReadyIsGivenUpOnceAndTheOldOneServesOn) {
  want({goal("a")});
  decide();
  ready("a-1");
  want({next_version()});
  decide();
  started("a-2");
  pass(59'999);
  EXPECT_EQ(decide(), "");
  pass(1);
  EXPECT_EQ(decide(), "give up a: a-2 is not ready after 60 s: its health check has not passed yet");
  EXPECT_EQ(decide(), "");
  EXPECT_EQ(phase("a-1"), Phase::ready);
  want({goal("a")});
  EXPECT_EQ(decide(), "stop a-2#1");
  EXPECT_EQ(phase("a-1"), Phase::ready);
  gone("a-2");
  EXPECT_TRUE(fleet.settled());
}

TEST_F(FleetTest, ARevisionThatEndsAgainAndAgainIsGivenUp) {
  want({goal("a")});
  decide();
  ready("a-1");
  want({next_version()});
  EXPECT_EQ(decide(), "start a-2#1");
  for (int run = 1; run <= 3; ++run) {
    fleet.on_exit_report("a-2", epoch("a-2"), false, "exited with status 1");
    gone("a-2");
    pass(1'000);
    const std::string told = decide();
    if (run == 3)
      EXPECT_EQ(told, "give up a: a-2 ended 3 times, the last time: exited with status 1");
    else
      EXPECT_EQ(told, fmt::format("start a-2#{}", run + 1));
  }
}

TEST_F(FleetTest, NobodySeesTheFailuresOfARevisionThatIsNotWantedAnyMore) {
  want({goal("a")});
  decide();
  ready("a-1");
  Goal lasting = next_version();
  lasting.can_go_back = false;
  want({lasting});
  for (int run = 1; run <= 4; ++run) {
    decide();
    gone("a-2");
    pass(10'000);
  }
  EXPECT_EQ(phase("a-2"), Phase::backoff);
  EXPECT_EQ(fleet.slots().at("a-2").restarts, 4);
  want({goal("a")});
  EXPECT_EQ(phase("a-2"), Phase::waiting);
  EXPECT_EQ(fleet.slots().at("a-2").restarts, 0);
  want({lasting});  // the other way: its end comes after it was replaced, before the next decision
  EXPECT_EQ(decide(), "start a-2#5");
  want({goal("a")});
  gone("a-2");
  EXPECT_EQ(phase("a-2"), Phase::waiting);
  decide();
  EXPECT_FALSE(fleet.slots().contains("a-2"));
}

TEST_F(FleetTest, ARevisionThatEndsWhileItIsWatchedIsGivenUpAtOnce) {
  want({goal("a")});
  decide();
  ready("a-1");
  Goal next = next_version();
  next.update.watch = Millis(90'000);
  want({next});
  EXPECT_EQ(decide(), "start a-2#1");
  fleet.on_exit_report("a-2", epoch("a-2"), false, "exited with status 1");
  gone("a-2");
  pass(1'000);
  EXPECT_EQ(decide(), "start a-2#2");  // it was not watched yet: it may have come before what it needs
  ready("a-2");
  EXPECT_EQ(decide(), "");
  pass(60'000);
  fleet.on_exit_report("a-2", epoch("a-2"), false, "killed for want of memory");
  EXPECT_EQ(decide(), "give up a: a-2 ended while it was watched: killed for want of memory");
  gone("a-2");
  EXPECT_EQ(decide(), "");
  EXPECT_EQ(phase("a-1"), Phase::ready);
}

TEST_F(FleetTest, WhereNoneMayBeAddedTheOldOneGoesFirst) {
  want({goal("a")});
  decide();
  ready("a-1");
  Goal next = next_version();
  next.update.max_surge = 0;
  next.update.max_unavailable = 1;
  want({next});
  EXPECT_EQ(decide(), "stop a-1#1");
  EXPECT_EQ(decide(), "");
  gone("a-1");
  EXPECT_EQ(decide(), "start a-1#2");
  ready("a-1");
  EXPECT_EQ(decide(), "proven a");
}

TEST_F(FleetTest, WhatServesNobodyIsReplacedAtOnce) {
  want({goal("a", {}, 2)});
  decide();
  ready("a-1");
  started("a-2");
  want({next_version(2)});
  EXPECT_EQ(decide(), "stop a-2#1, start a-3#1");
  ready("a-3");
  EXPECT_EQ(decide(), "") << "two are wanted";
  gone("a-2");
  EXPECT_EQ(decide(), "start a-2#2");
  ready("a-2");
  EXPECT_EQ(decide(), "stop a-1#1");
}

TEST_F(FleetTest, AScaleThatShrinksDuringAnUpdateNeedsNoReplacement) {
  want({goal("a", {}, 3)});
  decide();
  for (const char* id : {"a-1", "a-2", "a-3"}) ready(id);
  want({next_version(1)});
  EXPECT_EQ(decide(), "stop a-1#1, stop a-2#1");
  gone("a-1");
  gone("a-2");
  EXPECT_EQ(decide(), "start a-1#2");
  ready("a-1");
  EXPECT_EQ(decide(), "stop a-3#1");
}

TEST_F(FleetTest, AnAdoptedEpochIsNotUsedAgain) {
  want({goal("a")});
  Slot slot;
  slot.id = "a-1";
  slot.service = "a";
  slot.epoch = 7;
  slot.phase = Phase::ready;
  slot.revision = "r0";
  fleet.adopt(slot);
  EXPECT_EQ(decide(), "stop a-1#7");
  fleet.on_gone("a-1", 7, now, 0.5);
  EXPECT_EQ(decide(), "start a-1#8");
}

TEST_F(FleetTest, AJobEndsAndSatisfiesThoseThatWaitForItsEnd) {
  Goal migrate = goal("migrate");
  migrate.job = true;
  want({migrate, goal("a", {{"migrate", Condition::done}})});
  EXPECT_EQ(decide(), "start migrate-1#1");
  started("migrate-1");
  fleet.on_exit_report("migrate-1", 1, true, "exited with status 0");
  gone("migrate-1");
  EXPECT_EQ(phase("migrate-1"), Phase::done);
  EXPECT_EQ(decide(), "start a-1#1");
}

TEST_F(FleetTest, AFailedJobStaysFailedAndItsDependentsWait) {
  Goal migrate = goal("migrate");
  migrate.job = true;
  want({migrate, goal("a", {{"migrate", Condition::done}})});
  decide();
  started("migrate-1");
  fleet.on_exit_report("migrate-1", 1, false, "exited with status 1");
  gone("migrate-1");
  EXPECT_EQ(phase("migrate-1"), Phase::failed);
  EXPECT_EQ(decide(), "");
}

TEST_F(FleetTest, AJobIsTriedAgainAsOftenAsItSays) {
  Goal migrate = goal("migrate");
  migrate.job = true;
  migrate.retries = 1;
  want({migrate});
  EXPECT_EQ(decide(), "start migrate-1#1");
  started("migrate-1");
  fleet.on_exit_report("migrate-1", 1, false, "exited with status 1");
  gone("migrate-1");
  EXPECT_EQ(phase("migrate-1"), Phase::backoff);
  pass(1'000);
  EXPECT_EQ(decide(), "start migrate-1#2");
  started("migrate-1");
  fleet.on_exit_report("migrate-1", 2, false, "exited with status 1");
  gone("migrate-1");
  EXPECT_EQ(phase("migrate-1"), Phase::failed);
  pass(100'000);
  EXPECT_EQ(decide(), "");
}

TEST_F(FleetTest, AJobThatTakesTooLongIsStoppedAndHasFailed) {
  Goal report = goal("report");
  report.job = true;
  report.retries = 1;
  report.time_limit = Millis(5'000);
  want({report});
  decide();
  started("report-1");
  EXPECT_EQ(*fleet.next_wake() - now, Millis(5'000));
  pass(5'000);
  EXPECT_EQ(decide(), "stop report-1#1");
  EXPECT_EQ(decide(), "");
  fleet.on_exit_report("report-1", 1, true, "exited with status 0");
  gone("report-1");
  EXPECT_EQ(phase("report-1"), Phase::backoff);
  EXPECT_EQ(fleet.slots().at("report-1").reason, "did not end within 5s");
  pass(1'000);
  EXPECT_EQ(decide(), "start report-1#2");
  started("report-1");
  pass(5'000);
  EXPECT_EQ(decide(), "stop report-1#2");
  fleet.on_exit_report("report-1", 2, false, "killed by signal 15");
  gone("report-1");
  EXPECT_EQ(phase("report-1"), Phase::failed);
}

TEST_F(FleetTest, AScheduledJobRunsWhenItsTimeHasComeAndNotTwiceAtOnce) {
  Goal report = goal("report");
  report.job = true;
  report.scheduled = true;
  want({report});
  EXPECT_EQ(decide(), "");
  EXPECT_EQ(phase("report-1"), Phase::scheduled);
  EXPECT_TRUE(fleet.settled());
  EXPECT_TRUE(fleet.on_due("report", now));
  EXPECT_EQ(decide(), "start report-1#1");
  started("report-1");
  EXPECT_FALSE(fleet.on_due("report", now));
  EXPECT_TRUE(fleet.settled());
  fleet.on_exit_report("report-1", 1, false, "exited with status 1");
  gone("report-1");
  EXPECT_EQ(phase("report-1"), Phase::failed);
  EXPECT_TRUE(fleet.settled()) << "its next time will come";
  EXPECT_TRUE(fleet.on_due("report", now));
  EXPECT_EQ(decide(), "start report-1#2");
}

TEST_F(FleetTest, AnAdoptedInstanceIsNotStartedAgain) {
  want({goal("a")});
  Slot slot;
  slot.id = "a-1";
  slot.service = "a";
  slot.epoch = 7;
  slot.phase = Phase::ready;
  slot.revision = "r1";
  fleet.adopt(slot);
  EXPECT_EQ(decide(), "");
  EXPECT_TRUE(fleet.settled());
}

TEST(NeedsFromCalls, LeaveOutWhatLiesOnACycle) {
  const auto needs = needs_from_calls({{"a", {"b", "d"}}, {"b", {"c"}}, {"c", {"b"}}});
  ASSERT_EQ(needs.at("a").size(), 2U);
  EXPECT_FALSE(needs.contains("b"));
  EXPECT_FALSE(needs.contains("c"));
}

}  // namespace
}  // namespace bulkhead::control
