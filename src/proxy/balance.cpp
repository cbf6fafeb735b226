#include "proxy/balance.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace bulkhead::proxy {

double LatencyMean::kept(Time now) const {
  const double age = std::chrono::duration<double>(now - last_).count();
  return std::exp(-std::max(age, 0.0) / std::chrono::duration<double>(kDecay).count());
}

void LatencyMean::record(std::chrono::nanoseconds latency, Time now) {
  if (answers_ < kWarmUp) {
    ++answers_;
    return;
  }
  const double seen = std::chrono::duration<double, std::micro>(latency).count();
  const double part = kept(now);
  micros_ = seen > micros_ ? seen : micros_ * part + seen * (1 - part);
  last_ = now;
}

double LatencyMean::micros(Time now) const { return std::max(1.0, micros_ * kept(now)); }

double slow_start_weight(std::chrono::nanoseconds age, std::chrono::nanoseconds slow_start) {
  if (age >= slow_start) return 1;
  return std::max(kColdWeight, static_cast<double>(age.count()) / static_cast<double>(slow_start.count()));
}

namespace {

// Whether one that won keeps the request: beside a warmer one only in part of the cases.
bool keeps(const Load& winner, const Load& loser, const Draw& draw) {
  if (winner.weight >= loser.weight) return true;
  constexpr std::size_t kFine = 10'000;
  return static_cast<double>(draw(kFine)) < winner.weight / loser.weight * static_cast<double>(kFine);
}

}  // namespace

std::optional<std::size_t> choose(std::span<const Load> loads, const Draw& draw) {
  const auto count = static_cast<std::size_t>(std::ranges::count_if(loads, &Load::usable));
  if (count == 0) return std::nullopt;
  const auto nth = [&](std::size_t wanted) {
    std::size_t i = 0;
    while (!loads[i].usable || wanted-- != 0) ++i;
    return i;
  };
  if (count == 1) return nth(0);
  const std::size_t first = draw(count);
  // Drawn among the others, so the two always differ.
  const std::size_t other = draw(count - 1);
  std::size_t winner = nth(first);
  std::size_t loser = nth(other < first ? other : other + 1);
  if (loads[loser].cost() < loads[winner].cost()) std::swap(winner, loser);
  return keeps(loads[winner], loads[loser], draw) ? winner : loser;
}

}  // namespace bulkhead::proxy
