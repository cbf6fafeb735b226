#pragma once

#include <coroutine>
#include <deque>
#include <optional>
#include <utility>

#include "base/result.hpp"
#include "net/loop.hpp"

namespace bulkhead::net {

// Coroutines of one thread wait here to be woken. notify wakes those that wait now and is not remembered, so test the
// condition in a loop: `while (queue.empty()) { const auto woken = co_await changed.wait(deadline); ... }`. Those who
// are woken run after the current events, in the order of their waiting. A notify that is destroyed wakes all with
// Cause::closed.
class Notify {
 public:
  explicit Notify(Loop& loop) : loop_(loop) {}
  Notify(const Notify&) = delete;
  Notify& operator=(const Notify&) = delete;
  ~Notify();

  class [[nodiscard]] Wait : private Wakeup {
   public:
    Wait(Notify& notify, Deadline deadline, bool ready)
        : notify_(notify), deadline_(deadline), ready_(ready), timer_(&Wait::time_out, this) {}
    bool await_ready() const { return ready_; }
    void await_suspend(std::coroutine_handle<> waiter);
    Result<> await_resume();

   private:
    friend class Notify;
    static void time_out(void* self);
    Notify& notify_;
    Deadline deadline_;
    bool ready_;
    std::optional<Cause> failure_;
    Timer timer_;
  };

  // Fails with Cause::timeout at the deadline.
  Wait wait(Deadline deadline) { return Wait(*this, deadline, false); }
  void notify_one();
  void notify_all();
  bool has_waiters() const { return !waiting_.empty(); }

 private:
  friend class Event;
  void wake_first(std::optional<Cause> failure);
  Loop& loop_;
  List<Wakeup> waiting_;
};

// A flag to wait for: once set, every wait is over at once until it is reset.
class Event {
 public:
  explicit Event(Loop& loop) : notify_(loop) {}
  void set() {
    set_ = true;
    notify_.notify_all();
  }
  void reset() { set_ = false; }
  bool is_set() const { return set_; }
  Notify::Wait wait(Deadline deadline) { return Notify::Wait(notify_, deadline, set_); }

 private:
  Notify notify_;
  bool set_ = false;
};

// A bounded queue between coroutines of one thread.
template <class T>
class Channel {
 public:
  Channel(Loop& loop, std::size_t limit) : limit_(limit), changed_(loop) {}

  // Without waiting; false when the channel is full or closed.
  bool try_push(T item) {
    if (closed_ || items_.size() >= limit_) return false;
    items_.push_back(std::move(item));
    changed_.notify_all();
    return true;
  }
  Task<Result<>> push(T item, Deadline deadline) {
    while (!closed_ && items_.size() >= limit_) {
      const auto woken = co_await changed_.wait(deadline);
      if (!woken) co_return fail(woken.error());
    }
    if (closed_) co_return fail(Cause::closed, "the channel is closed");
    items_.push_back(std::move(item));
    changed_.notify_all();
    co_return Result<>{};
  }
  // What was pushed before close() still comes out; then Cause::closed.
  Task<Result<T>> pop(Deadline deadline) {
    while (items_.empty()) {
      if (closed_) co_return fail(Cause::closed, "the channel is closed");
      const auto woken = co_await changed_.wait(deadline);
      if (!woken) co_return fail(woken.error());
    }
    T item = std::move(items_.front());
    items_.pop_front();
    changed_.notify_all();
    co_return item;
  }
  void close() {
    closed_ = true;
    changed_.notify_all();
  }
  std::size_t size() const { return items_.size(); }

 private:
  std::size_t limit_;
  bool closed_ = false;
  std::deque<T> items_;
  Notify changed_;
};

}  // namespace bulkhead::net
