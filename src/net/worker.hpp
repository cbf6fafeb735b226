#pragma once

// A thread that answers questions which read files, one after the other, so that the loop never waits for a disk.

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "net/event.hpp"
#include "net/loop.hpp"

namespace bulkhead::net {

class Worker {
 public:
  explicit Worker(Loop& loop);
  ~Worker();  // after the question that is being answered; those that wait are dropped
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // What `answer` returns; it runs in the thread. nullopt: too many wait.
  template <class Answer>
  Task<std::optional<std::invoke_result_t<Answer>>> ask(Answer answer) {
    struct State {
      explicit State(Loop& loop) : done(loop) {}
      std::optional<std::invoke_result_t<Answer>> value;
      Event done;
    };
    const auto state = std::make_shared<State>(loop_);
    // The loop's thread alone touches the event, and drops the last pointer to it, whether somebody still waits or not.
    const bool taken = push([this, done = state, answer = std::move(answer)]() mutable {
      done->value.emplace(answer());
      loop_.post([done = std::move(done)] { done->done.set(); });
    });
    if (!taken) co_return std::nullopt;
    const auto waited = co_await state->done.wait(Deadline::never());
    static_cast<void>(waited);
    co_return std::move(state->value);
  }

 private:
  static constexpr std::size_t kMostWaiting = 256;
  bool push(std::move_only_function<void()> job);
  void work();

  Loop& loop_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::deque<std::move_only_function<void()>> jobs_;
  bool ending_ = false;
  std::thread thread_;  // signals are not for it
};

}  // namespace bulkhead::net
