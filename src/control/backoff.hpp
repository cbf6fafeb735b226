#pragma once

#include <chrono>

// How long to wait before an instance that ended is started again. Pure.
namespace bulkhead::control {

struct BackoffRule {
  std::chrono::milliseconds first{100};
  std::chrono::milliseconds cap{30'000};
  std::chrono::milliseconds forgiven_after{60'000};  // a run this long starts the count anew
};

class Backoff {
 public:
  explicit Backoff(BackoffRule rule = {}) : rule_(rule) {}

  // The wait after a run that lasted `ran`. `luck` in [0, 1) spreads it over ±25 %, so that instances that fell
  // together do not return together. Doubles from `first` up to `cap`.
  std::chrono::milliseconds after_run(std::chrono::milliseconds ran, double luck);

  int failures() const { return failures_; }

 private:
  BackoffRule rule_;
  int failures_ = 0;
};

}  // namespace bulkhead::control
