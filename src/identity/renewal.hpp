#pragma once

#include <chrono>
#include <string>

#include "identity/time.hpp"

namespace bulkhead::identity {

// Two clocks read together: the wall clock, which can be set, and the time since boot, which counts suspension
// (CLOCK_BOOTTIME) and never jumps.
struct Moment {
  WallTime wall;
  std::chrono::nanoseconds boot;
};
Moment moment_now();

// Decides when an SVID is to be renewed. Pure: clocks and randomness are passed in. Due at half of its life ± 10 %, by
// whichever clock says so first; at once when the wall clock is outside its validity. After a failure it tries again
// with growing pauses.
//   loop: plan.next(moment) → renew now, or sleep(pause) and ask again
class RenewalPlan {
 public:
  // No certificate yet: due at once.
  RenewalPlan() = default;

  struct Next {
    bool renew = false;
    std::chrono::milliseconds pause{0};  // when not renew: ask again after it, at most kLongestPause
    friend bool operator==(const Next&, const Next&) = default;
  };
  // Short enough that a clock that was set, or a suspension, is noticed soon.
  static constexpr std::chrono::milliseconds kLongestPause = std::chrono::seconds(15);

  Next next(Moment now) const;
  // `random` is uniform in [0, 1).
  void renewed(WallTime not_before, WallTime not_after, Moment now, double random);
  void failed(Moment now, double random);

  // What is left by the stricter clock; zero when over or none was ever held.
  std::chrono::seconds left(Moment now) const;
  bool usable(Moment now) const { return left(now).count() > 0; }

 private:
  bool due(Moment now) const;

  bool held_ = false;
  WallTime not_before_;
  WallTime not_after_;
  WallTime renew_wall_;
  std::chrono::nanoseconds renew_boot_{0};
  std::chrono::nanoseconds end_boot_{0};
  int failures_ = 0;
  std::chrono::nanoseconds retry_boot_{0};
};

}  // namespace bulkhead::identity
