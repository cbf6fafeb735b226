#include "collect/infer_order.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace bulkhead::collect {

namespace {

constexpr std::size_t kFew = 16;           // of one step, of whose order nothing is said
constexpr std::ptrdiff_t kNeighbours = 4;  // on each side, by which the rate of calls is counted
// For each place out of order; with it confidence is nearest to what is right in `bench/joins`.
constexpr double kOut = 0.25;
constexpr double kStray = 0.02;  // probability of a call that follows no order

}  // namespace

std::int64_t Order::Place::end_at(std::ptrdiff_t place) const {
  return ends_[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(place, 0, std::ssize(ends_) - 1))];
}

std::int64_t Order::Place::gap_to(std::ptrdiff_t places) const {
  return std::max<std::int64_t>(0, end_at(place_ + places) - begins_us_);
}

double Order::Place::density(std::int64_t gap_us) const {
  const std::ptrdiff_t at = std::ranges::lower_bound(ends_, begins_us_ + gap_us) - ends_.begin();
  const auto span = static_cast<double>(end_at(at + kNeighbours) - end_at(at - kNeighbours));
  const double rate = 2 * kNeighbours / std::max(span, 1.0);
  const auto out = static_cast<double>(std::abs(at - place_));
  return (1 - kStray) * rate * (1 - kOut) / (1 + kOut) * std::pow(kOut, out) + kStray * Gaps::stray(gap_us);
}

std::uint64_t Order::key(std::uint32_t history, std::uint32_t target, Since since) {
  return (static_cast<std::uint64_t>(history) << 34U) | (static_cast<std::uint64_t>(target) << 2U) |
         static_cast<std::uint64_t>(since);
}

void Order::add(std::uint32_t history, std::uint32_t target, Since since, std::int64_t reference_us,
                std::int64_t gap_us) {
  Step& step = steps_[key(history, target, since)];
  step.begins.push_back(reference_us);
  step.ends.push_back(reference_us + gap_us);
}

void Order::finish() {
  std::erase_if(steps_, [](const auto& entry) { return entry.second.ends.size() < kFew; });
  for (auto& [key, step] : steps_) {
    std::ranges::sort(step.begins);
    std::ranges::sort(step.ends);
  }
}

std::optional<Order::Place> Order::at(std::uint32_t history, std::uint32_t target, Since since,
                                      std::int64_t reference_us) const {
  const auto found = steps_.find(key(history, target, since));
  if (found == steps_.end()) return std::nullopt;
  const Step& step = found->second;
  return Place(step.ends, std::ranges::lower_bound(step.begins, reference_us) - step.begins.begin(), reference_us);
}

}  // namespace bulkhead::collect
