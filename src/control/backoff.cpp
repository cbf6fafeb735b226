#include "control/backoff.hpp"

#include <algorithm>

namespace bulkhead::control {

std::chrono::milliseconds Backoff::after_run(std::chrono::milliseconds ran, double luck) {
  if (ran >= rule_.forgiven_after) failures_ = 0;
  const int doublings = std::min(failures_, 20);
  ++failures_;
  const auto wait = std::min(rule_.cap, std::chrono::milliseconds(rule_.first.count() << doublings));
  return std::chrono::milliseconds(static_cast<long long>(static_cast<double>(wait.count()) * (0.75 + 0.5 * luck)));
}

}  // namespace bulkhead::control
