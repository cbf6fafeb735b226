#include "net/loop.hpp"

#include <algorithm>
#include <memory>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "net/event.hpp"
#include "net/gate.hpp"

namespace bulkhead::net {
namespace {

using namespace std::chrono_literals;

Task<int> answer() { co_return 42; }

Task<int> add_one(Task<int> task) {
  const int value = co_await std::move(task);
  co_return value + 1;
}

TEST(TaskTest, GivesItsValueToItsAwaiter) {
  Loop loop;
  EXPECT_EQ(loop.run(add_one(answer())), 43);
}

Task<int> deep(int depth) {
  if (depth == 0) co_return 0;
  const int below = co_await deep(depth - 1);
  co_return below + 1;
}

TEST(TaskTest, ManyNestedTasksDoNotExhaustTheStackWhenTheyReturn) {
  Loop loop;
  EXPECT_EQ(loop.run(deep(1000)), 1000);
}

Task<> throws() {
  throw std::runtime_error("a bug");
  co_return;
}

TEST(TaskTest, AnExceptionReachesTheAwaiter) {
  Loop loop;
  EXPECT_THROW(loop.run(throws()), std::runtime_error);
}

Task<> hold(std::shared_ptr<int> held, Notify& notify) {
  const auto woken = co_await notify.wait(Deadline::never());
  EXPECT_FALSE(woken) << *held;
}

TEST(TaskTest, ATaskThatNeverStartedDestroysWhatItHolds) {
  Loop loop;
  Notify notify(loop);
  auto held = std::make_shared<int>(1);
  {
    const auto task = hold(held, notify);
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(GateTest, DestroyingAGateDestroysItsSuspendedTasks) {
  Loop loop;
  Notify notify(loop);
  auto held = std::make_shared<int>(1);
  {
    Gate gate(loop);
    gate.spawn(hold(held, notify));
    EXPECT_EQ(gate.inside(), 1U);
    EXPECT_TRUE(notify.has_waiters());
  }
  EXPECT_FALSE(notify.has_waiters());
  EXPECT_EQ(held.use_count(), 1);
}

Task<> sleep_and_count(Loop& loop, Duration duration, int& count) {
  co_await sleep(loop, loop.in(duration));
  ++count;
}

Task<> spawn_and_close(Loop& loop, int& count) {
  Gate gate(loop);
  for (int i = 0; i < 10; ++i) gate.spawn(sleep_and_count(loop, i * 1ms, count));
  co_await gate.close();
  EXPECT_EQ(count, 10);
  EXPECT_FALSE(gate.spawn(sleep_and_count(loop, 0ms, count)));
  EXPECT_EQ(count, 10);
}

TEST(GateTest, CloseWaitsForEveryoneAndLetsNobodyIn) {
  Loop loop;
  int count = 0;
  loop.run(spawn_and_close(loop, count));
}

Task<> close_empty(Loop& loop) {
  Gate gate(loop);
  co_await gate.close();
}

TEST(GateTest, AnEmptyGateClosesAtOnce) {
  Loop loop;
  loop.run(close_empty(loop));
}

TEST(GateTest, APassKeepsTheGateFromBeingEmpty) {
  Loop loop;
  Gate gate(loop);
  bool closed = false;
  const auto close = [&]() -> Task<> {
    co_await gate.close();
    closed = true;
  };
  Gate outer(loop);
  {
    const Gate::Pass pass = gate.enter();
    outer.spawn(close());
    EXPECT_FALSE(closed);
  }
  loop.run(close_empty(loop));
  loop.run(sleep_and_count(loop, 1ms, *std::make_unique<int>(0)));
  EXPECT_TRUE(closed);
}

TEST(LoopTest, PostedCallsRunOnTheLoopsThread) {
  Loop loop;
  std::thread::id ran_on;
  std::jthread other([&] {
    loop.post([&] {
      ran_on = std::this_thread::get_id();
      loop.stop();
    });
  });
  loop.run();
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST(LoopTest, CallsThatNoRunReachesAreDroppedWithTheLoop) {
  auto held = std::make_shared<int>(1);
  {
    Loop loop;
    loop.post([held] {});
    loop.defer([held] {});
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(LoopTest, ADeferredCallRunsOnceABatchAndNotAfterItsEnd) {
  Loop loop;
  int runs = 0;
  {
    Deferred dropped(loop, [&] { runs += 100; });
    dropped.schedule();
  }
  Deferred deferred(loop, [&] { ++runs; });
  deferred.schedule();
  deferred.schedule();
  loop.defer([&] { loop.stop(); });
  loop.run();
  EXPECT_EQ(runs, 1);
}

TEST(LoopTest, StopFromAnotherThreadEndsTheRun) {
  Loop loop;
  std::jthread other([&] { loop.stop(); });
  loop.run();
}

TEST(TimerTest, TenThousandFireInOrderAndCancelledOnesDoNot) {
  TimerQueue queue;
  std::mt19937 random(7);
  const SteadyTime start{};
  struct Probe {
    std::vector<int>* fired;
    int when;
    Timer timer{[](void* self) {
                  auto& probe = *static_cast<Probe*>(self);
                  probe.fired->push_back(probe.when);
                },
                this};
  };
  std::vector<int> fired;
  std::vector<std::unique_ptr<Probe>> probes;
  for (int i = 0; i < 10000; ++i) {
    probes.push_back(std::make_unique<Probe>(&fired, static_cast<int>(random() % 5000)));
    queue.arm(probes.back()->timer, start + std::chrono::milliseconds(probes.back()->when));
  }
  std::size_t expected = 0;
  for (std::size_t i = 0; i < probes.size(); ++i) {
    if (i % 3 == 0) {
      probes[i]->timer.cancel();
    } else if (i % 7 == 0) {
      probes[i].reset();
    } else {
      ++expected;
    }
  }
  for (int now = 0; now <= 5000; now += 50) queue.fire(start + std::chrono::milliseconds(now));
  EXPECT_EQ(fired.size(), expected);
  EXPECT_TRUE(queue.empty());
  for (std::size_t i = 1; i < fired.size(); ++i) ASSERT_LE(fired[i - 1], fired[i]);
}

TEST(TimerTest, ATimerThatArmsItselfForNowDoesNotHoldTheLoop) {
  TimerQueue queue;
  struct Again {
    TimerQueue* queue;
    int count = 0;
    Timer timer{[](void* self) {
                  auto& again = *static_cast<Again*>(self);
                  ++again.count;
                  again.queue->arm(again.timer, SteadyTime{});
                },
                this};
  } again{&queue};
  queue.arm(again.timer, SteadyTime{});
  queue.fire(SteadyTime{});
  EXPECT_EQ(again.count, 1);
  EXPECT_TRUE(again.timer.armed());
}

TEST(TimerTest, AQueueThatIsDestroyedFirstLetsItsTimersGo) {
  Timer timer([](void*) {}, nullptr);
  {
    TimerQueue queue;
    queue.arm(timer, SteadyTime{} + 1s);
  }
  EXPECT_FALSE(timer.armed());
}

Task<> wait_for(Event& event, Loop& loop, Duration limit, std::optional<Cause>& failure, bool& done) {
  const auto woken = co_await event.wait(loop.in(limit));
  if (!woken) failure = woken.error().cause;
  done = true;
}

Task<> set_after_waiting(Loop& loop) {
  Gate gate(loop);
  Event event(loop);
  std::optional<Cause> failure;
  bool done = false;
  gate.spawn(wait_for(event, loop, 10s, failure, done));
  EXPECT_FALSE(done);
  event.set();
  EXPECT_FALSE(done) << "waking is not done in the middle of the waker";
  co_await gate.close();
  EXPECT_TRUE(done);
  EXPECT_FALSE(failure);
  const auto again = co_await event.wait(Deadline::never());
  EXPECT_TRUE(again);
}

TEST(EventTest, SettingWakesWhoWaitsAndLetsLaterOnesPass) {
  Loop loop;
  loop.run(set_after_waiting(loop));
}

Task<> wait_in_vain(Loop& loop) {
  Event event(loop);
  const auto woken = co_await event.wait(loop.in(1ms));
  EXPECT_FALSE(woken);
  if (!woken) EXPECT_EQ(woken.error().cause, Cause::timeout);
}

TEST(EventTest, AWaitEndsAtItsDeadline) {
  Loop loop;
  loop.run(wait_in_vain(loop));
}

Task<> destroy_while_waiting(Loop& loop) {
  Gate gate(loop);
  auto event = std::make_unique<Event>(loop);
  std::optional<Cause> failure;
  bool done = false;
  gate.spawn(wait_for(*event, loop, 10s, failure, done));
  event.reset();
  co_await gate.close();
  EXPECT_EQ(failure, Cause::closed);
}

TEST(EventTest, DestroyingAnEventWakesItsWaiters) {
  Loop loop;
  loop.run(destroy_while_waiting(loop));
}

Task<> produce(Loop& loop, Channel<int>& channel) {
  for (int i = 0; i < 100; ++i) {
    const auto pushed = co_await channel.push(i, loop.in(10s));
    EXPECT_TRUE(pushed);
  }
  channel.close();
}

Task<> produce_and_consume(Loop& loop) {
  Gate gate(loop);
  Channel<int> channel(loop, 3);
  gate.spawn(produce(loop, channel));
  EXPECT_EQ(channel.size(), 3U);
  for (int i = 0; i < 100; ++i) {
    const auto item = co_await channel.pop(loop.in(10s));
    EXPECT_TRUE(item);
    if (item) EXPECT_EQ(*item, i);
  }
  const auto after = co_await channel.pop(loop.in(10s));
  EXPECT_FALSE(after);
  co_await gate.close();
}

TEST(ChannelTest, PassesEverythingInOrderWithinItsLimit) {
  Loop loop;
  loop.run(produce_and_consume(loop));
}

}  // namespace
}  // namespace bulkhead::net
