#pragma once

// Two counts of what happened in the last `over`, in ten steps: what is older than that is forgotten a step at a time.
// Constant memory and time. Pure: time is passed in and does not go back.

#include <array>
#include <chrono>
#include <cstdint>

namespace bulkhead::proxy {

class SlidingCounts {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Counts {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    bool operator==(const Counts&) const = default;
  };
  static constexpr int kSteps = 10;

  explicit SlidingCounts(std::chrono::nanoseconds over);

  void add(Counts counts, Time now);
  Counts sum(Time now) const;
  void clear();
  // Another span of time; what was counted until now is as recent as `now`.
  void resize(std::chrono::nanoseconds over, Time now);

 private:
  struct Step {
    std::int64_t number = -1;
    Counts counts;
  };
  std::int64_t number_at(Time now) const;

  std::chrono::nanoseconds width_;
  std::array<Step, kSteps> steps_;
};

}  // namespace bulkhead::proxy
