#include "compartments/lifetime.hpp"

#include <string>

#include <gtest/gtest.h>

namespace bulkhead::compartments {
namespace {

std::string transcript(const std::vector<Action>& actions) {
  std::string text;
  for (const auto& action : actions) text += (text.empty() ? "" : ", ") + to_string(action);
  return text;
}

constexpr Ending kClean{false, 0};
constexpr Ending kKilled{true, 9};

class LifetimeTest : public testing::Test {
 protected:
  std::string on(const Event& event) { return transcript(life.on(event)); }
  void run() {
    life.begin();
    life.on(event::Sealed{});
    life.on(event::SidecarReady{});
    life.on(event::ServiceStarted{42});
    ASSERT_EQ(life.phase(), Phase::running);
  }
  Lifetime life{{true, 30'000, 10'000, 5'000}};
};

TEST_F(LifetimeTest, TheServiceStartsOnlyWhenItsSidecarIsReady) {
  EXPECT_EQ(transcript(life.begin()), "arm 30000");
  EXPECT_EQ(on(event::Sealed{}), "state sealed, greet sidecar");
  EXPECT_EQ(on(event::SidecarReady{}), "state sidecar_ready, start service");
  EXPECT_EQ(on(event::ServiceStarted{42}), "announce service, arm 0, state running");
}

TEST_F(LifetimeTest, AGatewayRunsWithoutAService) {
  Lifetime gateway({false, 30'000, 10'000, 5'000});
  EXPECT_EQ(transcript(gateway.begin()), "arm 30000, greet sidecar");
  EXPECT_EQ(transcript(gateway.on(event::SidecarReady{})), "state sidecar_ready, arm 0, state running");
  EXPECT_EQ(transcript(gateway.on(event::StopRequested{1000})), "state draining, drain sidecar, arm 10000");
  EXPECT_EQ(transcript(gateway.on(event::SidecarDrained{})), "state finishing, finish sidecar, arm 5000");
  EXPECT_EQ(transcript(gateway.on(event::SidecarExited{kClean})), "state stopped, end 0");
}

TEST_F(LifetimeTest, StopClosesInboundThenServiceThenOutbound) {
  run();
  EXPECT_EQ(on(event::StopRequested{2000}), "state draining, drain sidecar, arm 10000");
  EXPECT_EQ(on(event::SidecarDrained{}), "state terminating, terminate service, arm 2000");
  EXPECT_EQ(on(event::ServiceExited{{true, 15}}),
            "exit signal 15, state finishing, kill compartment, finish sidecar, arm 5000");
  EXPECT_EQ(on(event::InitExited{}), "");
  EXPECT_EQ(on(event::SidecarExited{kClean}), "state stopped, end 0");
}

TEST_F(LifetimeTest, EveryStepOfAStopHasADeadline) {
  run();
  on(event::StopRequested{2000});
  EXPECT_EQ(on(event::Deadline{}), "state terminating, terminate service, arm 2000");
  EXPECT_EQ(on(event::Deadline{}),
            "exit signal 9 did not end within its grace period, state finishing, kill compartment, finish sidecar, "
            "arm 5000");
  EXPECT_EQ(on(event::Deadline{}), "kill sidecar, kill compartment, arm 1000");
  EXPECT_EQ(on(event::SidecarExited{kKilled}), "");
  EXPECT_EQ(on(event::InitExited{}), "state stopped, end 0");
}

TEST_F(LifetimeTest, AStopBeforeTheServiceRunsEndsAtOnce) {
  life.begin();
  EXPECT_EQ(on(event::StopRequested{2000}),
            "exit code 0 stopped before it ran, state finishing, kill compartment, finish sidecar, arm 5000");
  EXPECT_EQ(on(event::Sealed{}), "");
  EXPECT_EQ(on(event::SidecarExited{kClean}), "");
  EXPECT_EQ(on(event::InitExited{}), "state stopped, end 0");
}

TEST_F(LifetimeTest, ASecondStopChangesNothing) {
  run();
  on(event::StopRequested{2000});
  EXPECT_EQ(on(event::StopRequested{1}), "");
  EXPECT_EQ(on(event::SidecarDrained{}), "state terminating, terminate service, arm 2000");
  EXPECT_EQ(on(event::SidecarDrained{}), "");
}

TEST_F(LifetimeTest, TheSidecarsDeathEndsTheInstance) {
  run();
  EXPECT_EQ(on(event::SidecarExited{kKilled}), "exit signal 9 the sidecar ended, state finishing, kill compartment");
  EXPECT_EQ(on(event::SidecarExited{kKilled}), "");
  EXPECT_EQ(on(event::ServiceExited{kKilled}), "");
  EXPECT_EQ(on(event::InitExited{}), "state stopped, end 1");
}

TEST_F(LifetimeTest, ASidecarThatEndsCleanlyIsAFailureAllTheSame) {
  run();
  EXPECT_EQ(on(event::SidecarExited{kClean}), "exit code 1 the sidecar ended, state finishing, kill compartment");
  EXPECT_EQ(on(event::InitExited{}), "state stopped, end 1");
}

TEST_F(LifetimeTest, InitsDeathEndsTheInstance) {
  run();
  EXPECT_EQ(on(event::InitExited{}),
            "exit signal 9 the compartment's init was killed, state finishing, finish sidecar, arm 5000");
  EXPECT_EQ(on(event::SidecarExited{kClean}), "state stopped, end 1");
}

TEST_F(LifetimeTest, AServiceKilledForMemoryIsNamed) {
  run();
  EXPECT_EQ(on(event::ServiceExited{kKilled, true}),
            "exit signal 9 oom, state finishing, kill compartment, finish sidecar, arm 5000");
}

TEST_F(LifetimeTest, BothDeathsInEitherOrderEndOnce) {
  for (const bool sidecar_first : {true, false}) {
    Lifetime each({true, 30'000, 10'000, 5'000});
    each.begin();
    each.on(event::Sealed{});
    each.on(event::SidecarReady{});
    each.on(event::ServiceStarted{42});
    const auto first = sidecar_first ? each.on(event::SidecarExited{kKilled}) : each.on(event::InitExited{});
    EXPECT_FALSE(each.ended());
    const auto last = sidecar_first ? each.on(event::InitExited{}) : each.on(event::SidecarExited{kKilled});
    EXPECT_EQ(transcript(last), "state stopped, end 1");
    EXPECT_EQ(transcript(each.on(event::SidecarExited{kKilled})), "");
    EXPECT_EQ(transcript(each.on(event::Deadline{})), "");
  }
}

TEST_F(LifetimeTest, WhatCannotBeSealedNeverGetsAService) {
  life.begin();
  EXPECT_EQ(on(event::SealFailed{"no nft"}),
            "exit code 1 no nft, state finishing, kill compartment, finish sidecar, arm 5000");
  EXPECT_EQ(on(event::SidecarReady{}), "");
  EXPECT_EQ(on(event::InitExited{}), "");
  EXPECT_EQ(on(event::SidecarExited{kClean}), "state stopped, end 1");
}

TEST_F(LifetimeTest, ASidecarThatIsReadyTooLateGetsNoService) {
  life.begin();
  on(event::Sealed{});
  EXPECT_EQ(on(event::Deadline{}),
            "exit code 1 not ready within 30000 ms, state finishing, kill compartment, finish sidecar, arm 5000");
  EXPECT_EQ(on(event::SidecarReady{}), "");
}

TEST_F(LifetimeTest, AServiceThatCannotBeExecutedIsReported) {
  life.begin();
  on(event::Sealed{});
  on(event::SidecarReady{});
  EXPECT_EQ(
      on(event::StartFailed{"run x: No such file or directory"}),
      "exit code 127 run x: No such file or directory, state finishing, kill compartment, finish sidecar, arm 5000");
}

// A fact may arrive in any order, any number of times: the machine always ends when both are gone, and only once.
TEST_F(LifetimeTest, EveryOrderOfThreeEventsEndsOnceWhenAllIsGone) {
  const std::vector<Event> events = {event::Sealed{},          event::SealFailed{"x"},  event::SidecarReady{},
                                     event::ServiceStarted{1}, event::StartFailed{"x"}, event::ServiceExited{kKilled},
                                     event::InitExited{},      event::SidecarDrained{}, event::SidecarExited{kKilled},
                                     event::StopRequested{1},  event::Deadline{}};
  for (const auto& first : events) {
    for (const auto& second : events) {
      for (const auto& third : events) {
        Lifetime each({true, 30'000, 10'000, 5'000});
        each.begin();
        std::size_t ends = 0;
        for (const auto& event :
             {first, second, third, Event(event::SidecarExited{kKilled}), Event(event::InitExited{})}) {
          for (const auto& action : each.on(event)) ends += action.kind == Action::Kind::end ? 1 : 0;
        }
        EXPECT_TRUE(each.ended());
        EXPECT_EQ(ends, 1U);
      }
    }
  }
}

}  // namespace
}  // namespace bulkhead::compartments
