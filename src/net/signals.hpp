#pragma once

#include <initializer_list>

#include "net/task.hpp"
#include "net/watch.hpp"

namespace bulkhead::net {

// Signals as events. Opening blocks them in the calling thread (do it before other threads start, which inherit that);
// they stay blocked.
class Signals {
 public:
  static Result<Signals> open(Loop& loop, std::initializer_list<int> signals);
  // The next signal's number.
  Task<Result<int>> next(Deadline deadline);

 private:
  explicit Signals(Watch watch) : watch_(std::move(watch)) {}
  Watch watch_;
};

}  // namespace bulkhead::net
