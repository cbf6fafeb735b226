#include "proxy/sliding_counts.hpp"

#include <algorithm>

namespace bulkhead::proxy {

namespace {

std::chrono::nanoseconds step_of(std::chrono::nanoseconds over) {
  return std::max(over / SlidingCounts::kSteps, std::chrono::nanoseconds(1));
}

}  // namespace

SlidingCounts::SlidingCounts(std::chrono::nanoseconds over) : width_(step_of(over)) {}

std::int64_t SlidingCounts::number_at(Time now) const { return now.time_since_epoch() / width_; }

void SlidingCounts::add(Counts counts, Time now) {
  const std::int64_t number = number_at(now);
  Step& step = steps_[static_cast<std::size_t>(number % kSteps)];
  if (step.number != number) step = {number, {}};
  step.counts.first += counts.first;
  step.counts.second += counts.second;
}

SlidingCounts::Counts SlidingCounts::sum(Time now) const {
  const std::int64_t oldest = number_at(now) - kSteps + 1;
  Counts all;
  for (const Step& step : steps_) {
    if (step.number < oldest) continue;
    all.first += step.counts.first;
    all.second += step.counts.second;
  }
  return all;
}

void SlidingCounts::clear() { steps_ = {}; }

void SlidingCounts::resize(std::chrono::nanoseconds over, Time now) {
  const Counts known = sum(now);
  clear();
  width_ = step_of(over);
  add(known, now);
}

}  // namespace bulkhead::proxy
