#include "net/timer.hpp"

#include <algorithm>

namespace bulkhead::net {
namespace {

constexpr std::size_t kChildren = 4;

}  // namespace

TimerQueue::~TimerQueue() {
  for (Entry& entry : heap_) entry.timer->queue_ = nullptr;
}

void TimerQueue::arm(Timer& timer, SteadyTime time) {
  timer.cancel();
  timer.queue_ = this;
  heap_.emplace_back();
  sift_up(heap_.size() - 1, {time, &timer});
}

void TimerQueue::fire(SteadyTime now) {
  if (heap_.empty() || next() > now) return;
  // What is armed during the calls at or before `now` must not keep this loop busy for ever.
  std::size_t budget = heap_.size();
  while (budget-- > 0 && !heap_.empty() && next() <= now) {
    Timer& timer = *heap_.front().timer;
    remove(timer);
    timer.callback_(timer.owner_);
  }
}

void TimerQueue::remove(Timer& timer) {
  const std::size_t index = timer.index_;
  timer.queue_ = nullptr;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (index == heap_.size()) return;
  if (index > 0 && last.time < heap_[(index - 1) / kChildren].time) {
    sift_up(index, last);
  } else {
    sift_down(index, last);
  }
}

void TimerQueue::place(std::size_t index, Entry entry) {
  heap_[index] = entry;
  entry.timer->index_ = index;
}

void TimerQueue::sift_up(std::size_t index, Entry entry) {
  while (index > 0) {
    const std::size_t parent = (index - 1) / kChildren;
    if (heap_[parent].time <= entry.time) break;
    place(index, heap_[parent]);
    index = parent;
  }
  place(index, entry);
}

void TimerQueue::sift_down(std::size_t index, Entry entry) {
  while (true) {
    const std::size_t first = index * kChildren + 1;
    if (first >= heap_.size()) break;
    const std::size_t end = std::min(first + kChildren, heap_.size());
    std::size_t least = first;
    for (std::size_t child = first + 1; child < end; ++child) {
      if (heap_[child].time < heap_[least].time) least = child;
    }
    if (entry.time <= heap_[least].time) break;
    place(index, heap_[least]);
    index = least;
  }
  place(index, entry);
}

}  // namespace bulkhead::net
