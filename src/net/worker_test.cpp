#include "net/worker.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "net/gate.hpp"
#include "net/signals.hpp"

namespace bulkhead::net {
namespace {

using namespace std::chrono_literals;

TEST(Worker, AnswersInItsThreadAndInOrder) {
  Loop loop;
  Worker worker(loop);
  const auto asked = [](Worker& of) -> Task<std::vector<int>> {
    std::vector<int> order;
    const auto first = co_await of.ask([] { return ::gettid(); });
    order.push_back(first && *first != ::gettid() ? 1 : 0);
    order.push_back((co_await of.ask([] { return 2; })).value_or(0));
    co_return order;
  };
  EXPECT_EQ(loop.run(asked(worker)), (std::vector<int>{1, 2}));
}

// Whoever asked may be gone before the answer is there.
TEST(Worker, AnAnswerThatNobodyWaitsForIsDropped) {
  Loop loop;
  Worker worker(loop);
  std::atomic<bool> answered = false;
  {
    Gate gate(loop);
    const auto ask = [](Worker& of, std::atomic<bool>& done) -> Task<> {
      const auto value = co_await of.ask([&done] {
        ::usleep(20'000);
        return done = true;
      });
      static_cast<void>(value);
    };
    gate.spawn(ask(worker, answered));
  }
  const auto wait = [](Loop& of, const std::atomic<bool>& done) -> Task<> {
    while (!done) co_await sleep(of, of.in(1ms));
    co_await sleep(of, of.in(5ms));
  };
  loop.run(wait(loop, answered));
}

// The process would end by the signal if the thread let it through.
TEST(Worker, SignalsAreNotForIt) {
  Loop loop;
  Worker worker(loop);
  auto signals = Signals::open(loop, {SIGUSR2});
  ASSERT_TRUE(signals);
  ASSERT_EQ(::kill(::getpid(), SIGUSR2), 0);
  const auto next = [](Signals& of, Loop& in) -> Task<Result<int>> { return of.next(in.in(10s)); };
  EXPECT_EQ(loop.run(next(*signals, loop)).value_or(0), SIGUSR2);
}

}  // namespace
}  // namespace bulkhead::net
