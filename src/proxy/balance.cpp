#include "proxy/balance.hpp"

#include <algorithm>
#include <cmath>

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
  const std::size_t left = nth(first);
  const std::size_t right = nth(other < first ? other : other + 1);
  return loads[right].cost() < loads[left].cost() ? right : left;
}

}  // namespace bulkhead::proxy
