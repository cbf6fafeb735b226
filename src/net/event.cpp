#include "net/event.hpp"

namespace bulkhead::net {

void Notify::Wait::await_suspend(std::coroutine_handle<> waiter) {
  handle = waiter;
  notify_.waiting_.push_back(*this);
  notify_.loop_.arm(timer_, deadline_);
}

Result<> Notify::Wait::await_resume() {
  if (!failure_) return {};
  return fail(*failure_, "{}", *failure_ == Cause::timeout ? "nothing happened in time" : "the event is gone");
}

void Notify::Wait::time_out(void* self) {
  Wait& wait = *static_cast<Wait*>(self);
  wait.unlink();
  wait.failure_ = Cause::timeout;
  wait.handle.resume();
}

void Notify::wake_first(std::optional<Cause> failure) {
  Wait& wait = static_cast<Wait&>(waiting_.pop_front());
  wait.timer_.cancel();
  wait.failure_ = failure;
  loop_.wake(wait);
}

void Notify::notify_one() {
  if (!waiting_.empty()) wake_first(std::nullopt);
}

void Notify::notify_all() {
  while (!waiting_.empty()) wake_first(std::nullopt);
}

Notify::~Notify() {
  while (!waiting_.empty()) wake_first(Cause::closed);
}

}  // namespace bulkhead::net
