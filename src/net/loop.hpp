#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "net/deadline.hpp"
#include "net/list.hpp"
#include "net/task.hpp"
#include "net/timer.hpp"

namespace bulkhead::net {

class Loop;
class Source;

// A coroutine that is to be resumed by the loop, after the events of the current batch. Leaves the queue when
// destroyed.
class Wakeup : public Link {
 public:
  std::coroutine_handle<> handle;
};

// A call that runs once at the end of the current batch however often it was scheduled: to flush what a batch wrote.
// Cancelled when destroyed; may destroy itself in the call.
class Deferred : public Link {
 public:
  Deferred(Loop& loop, std::move_only_function<void()> call) : loop_(loop), call_(std::move(call)) {}
  void schedule();
  bool scheduled() const { return linked(); }

 private:
  friend class Loop;
  Loop& loop_;
  std::move_only_function<void()> call_;
};

// The event loop of one thread: edge-triggered epoll, timers, and the coroutines that wait for them. Everything that
// takes a Loop& belongs to the loop's thread and must be gone before the loop is; only post() and stop() may be called
// from elsewhere. A batch is: events, due timers, woken coroutines, deferred calls, then what was destroyed is freed.
class Loop {
 public:
  // Throws std::system_error when the kernel gives no epoll or eventfd: the process cannot start.
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Until stop(). A stop() that came before ends it at once; it can be run again after.
  void run();
  // Runs until `task` is done, whoever calls stop() meanwhile, and gives its value; for main functions and tests.
  template <class T>
  T run(Task<T> task);
  void stop();

  // The steady clock as of this batch.
  SteadyTime now() const { return now_; }
  // The deadline `duration` from now(); what lies beyond the clock's range is never.
  Deadline in(Duration duration) const {
    return duration > SteadyTime::max() - now_ ? Deadline::never() : Deadline(now_ + duration);
  }

  // Runs `call` at the end of the current batch. The caller sees to it that what it captures is still alive; a Deferred
  // member does so by itself.
  void defer(std::move_only_function<void()> call);
  // Runs `call` on the loop's thread, soon. From any thread. Calls that no run() reaches are dropped with the loop.
  void post(std::move_only_function<void()> call);

  // For awaitables.
  void arm(Timer& timer, Deadline deadline) {
    if (!deadline.is_never()) timers_.arm(timer, deadline.time());
  }
  void wake(Wakeup& wakeup) { ready_.push_back(wakeup); }
  void schedule(Deferred& deferred) { deferred_.push_back(deferred); }
  Result<> add(Source& source);
  void remove(Source& source);
  // Asks for writability too; sources begin without, as a Unix socket reports it each time that its peer reads.
  void watch_writable(Source& source);
  void ignore_writable(Source& source);
  // Takes a source that left the loop; freed at the end of the batch, as events of it may still be under way.
  void retire(Source* source);

 private:
  void change(Source& source, std::uint32_t events);
  void run_batch();
  void wait_for_events();
  int wait_milliseconds() const;
  void run_ready();
  void run_deferred();
  void run_posted();
  void free_retired();
  void refresh_clock();

  Fd epoll_;
  Fd wake_up_;
  std::atomic<bool> stop_requested_ = false;
  SteadyTime now_;
  TimerQueue timers_;
  List<Wakeup> ready_;
  List<Wakeup> resuming_;
  List<Deferred> deferred_;
  std::vector<std::move_only_function<void()>> deferred_calls_;
  Source* retired_ = nullptr;
  std::mutex mutex_;  // guards what follows
  std::vector<std::move_only_function<void()>> posted_;
};

inline void Deferred::schedule() {
  if (!linked()) loop_.schedule(*this);
}

namespace detail {

// Drives a task from plain code; owns its frame, and with it the task.
class RootTask {
 public:
  struct promise_type {
    RootTask get_return_object() { return RootTask(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() { exception = std::current_exception(); }
    std::exception_ptr exception;
  };
  explicit RootTask(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  RootTask(const RootTask&) = delete;
  RootTask& operator=(const RootTask&) = delete;
  ~RootTask() { handle_.destroy(); }
  void start() { handle_.resume(); }
  bool done() const { return handle_.done(); }
  void rethrow() const {
    if (handle_.promise().exception) std::rethrow_exception(handle_.promise().exception);
  }

 private:
  std::coroutine_handle<promise_type> handle_;
};

template <class T>
RootTask run_root(Loop& loop, Task<T> task, std::optional<T>& value) {
  value.emplace(co_await std::move(task));
  loop.stop();
}

inline RootTask run_root(Loop& loop, Task<void> task) {
  co_await std::move(task);
  loop.stop();
}

}  // namespace detail

template <class T>
T Loop::run(Task<T> task) {
  const auto finish = [this](detail::RootTask& root) {
    refresh_clock();
    root.start();
    while (!root.done()) run();
    stop_requested_.store(false, std::memory_order_relaxed);
    root.rethrow();
  };
  if constexpr (std::is_void_v<T>) {
    detail::RootTask root = detail::run_root(*this, std::move(task));
    finish(root);
  } else {
    std::optional<T> value;
    detail::RootTask root = detail::run_root(*this, std::move(task), value);
    finish(root);
    return std::move(*value);
  }
}

// `co_await sleep(loop, loop.in(1s))`.
class [[nodiscard]] sleep {
 public:
  sleep(Loop& loop, Deadline deadline) : loop_(loop), deadline_(deadline), timer_(&sleep::wake, this) {}
  bool await_ready() const { return deadline_.passed(loop_.now()); }
  void await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    loop_.arm(timer_, deadline_);
  }
  void await_resume() const {}

 private:
  static void wake(void* self) { static_cast<sleep*>(self)->handle_.resume(); }
  Loop& loop_;
  Deadline deadline_;
  Timer timer_;
  std::coroutine_handle<> handle_;
};

}  // namespace bulkhead::net
