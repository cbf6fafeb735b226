#pragma once

#include <chrono>

namespace bulkhead::net {

using SteadyTime = std::chrono::steady_clock::time_point;
using Duration = std::chrono::nanoseconds;

// The moment at which a wait gives up with Cause::timeout, on the steady clock. `loop.in(5s)` makes one.
class Deadline {
 public:
  constexpr explicit Deadline(SteadyTime time) : time_(time) {}
  static constexpr Deadline never() { return Deadline(SteadyTime::max()); }

  constexpr bool is_never() const { return time_ == SteadyTime::max(); }
  constexpr SteadyTime time() const { return time_; }
  constexpr bool passed(SteadyTime now) const { return now >= time_; }

  friend constexpr auto operator<=>(Deadline, Deadline) = default;

 private:
  SteadyTime time_;
};

}  // namespace bulkhead::net
