#pragma once

#include <cstddef>
#include <vector>

#include "net/deadline.hpp"

namespace bulkhead::net {

class TimerQueue;

// One pending call at a time. Cancels itself when destroyed. Arming and cancelling allocate nothing once the queue has
// grown. The callback may arm, cancel or destroy any timer, this one included.
class Timer {
 public:
  using Callback = void (*)(void* owner);
  Timer(Callback callback, void* owner) : callback_(callback), owner_(owner) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { cancel(); }

  bool armed() const { return queue_ != nullptr; }
  void cancel();

 private:
  friend class TimerQueue;
  Callback callback_;
  void* owner_;
  TimerQueue* queue_ = nullptr;
  std::size_t index_ = 0;
};

// Timers in order of time: a heap of four children a node. No clock of its own, so tests advance time by hand.
class TimerQueue {
 public:
  TimerQueue() = default;
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;
  ~TimerQueue();

  // An armed timer is moved to the new time.
  void arm(Timer& timer, SteadyTime time);
  bool empty() const { return heap_.empty(); }
  SteadyTime next() const { return heap_.front().time; }
  // Calls back every timer that is due at `now`, earliest first; one armed meanwhile for a due time waits for the next
  // call.
  void fire(SteadyTime now);

 private:
  friend class Timer;
  struct Entry {
    SteadyTime time;
    Timer* timer;
  };
  void remove(Timer& timer);
  void place(std::size_t index, Entry entry);
  void sift_up(std::size_t index, Entry entry);
  void sift_down(std::size_t index, Entry entry);

  std::vector<Entry> heap_;
};

inline void Timer::cancel() {
  if (queue_ != nullptr) queue_->remove(*this);
}

}  // namespace bulkhead::net
