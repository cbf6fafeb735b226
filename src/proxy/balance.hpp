#pragma once

// Power of two choices: of two endpoints drawn at random, the one with less to do. Less is outstanding requests times
// the endpoint's recent latency, so that a slow one gets fewer, and one that is new gets some. A new one starts slowly:
// what it would win it gets in part, as a weight in the cost would give it nothing while the others idle. Pure.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

namespace bulkhead::proxy {

// An exponentially weighted mean that a rise reaches at once and a fall in about `kDecay`, so that an endpoint that
// turned slow is left with its first slow answer. Without answers it falls too: whoever is left is tried again later.
class LatencyMean {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kDecay{10};
  // The first answers tell of connecting and of a cold program, not of what the endpoint can do.
  static constexpr unsigned kWarmUp = 3;

  void record(std::chrono::nanoseconds latency, Time now);
  // In microseconds, at least 1.
  double micros(Time now) const;

 private:
  double kept(Time now) const;

  double micros_ = 0;
  unsigned answers_ = 0;
  Time last_;
};

struct Load {
  std::uint32_t outstanding = 0;
  double latency_micros = 1;
  bool usable = true;
  double weight = 1;  // (0, 1]: of the choices that it wins beside one of weight 1, the part that it is given

  // What takes less differs by chance alone; equals share evenly.
  static constexpr double kNoiseMicros = 1000;

  double cost() const { return (static_cast<double>(outstanding) + 1) * std::max(latency_micros, kNoiseMicros); }
};

// Slow start: the weight of an endpoint first seen `age` ago grows from kColdWeight to 1 in `slow_start` (0: is 1), so
// that caches, pools and compilers warm up before it has its whole share.
inline constexpr double kColdWeight = 0.1;
double slow_start_weight(std::chrono::nanoseconds age, std::chrono::nanoseconds slow_start);

// Uniform in [0, bound).
using Draw = std::function<std::size_t(std::size_t bound)>;

// The index of the endpoint to use; none if no one is usable.
std::optional<std::size_t> choose(std::span<const Load> loads, const Draw& draw);

}  // namespace bulkhead::proxy
