#pragma once

// Power of two choices: of two endpoints drawn at random, the one with less to do. Less is outstanding requests times
// the endpoint's recent latency, so that a slow one gets fewer, and one that is new gets some. Pure.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

namespace bulkhead::proxy {

// An exponentially weighted mean that a rise reaches at once and a fall in about `kDecay`, so that an endpoint that
// turned slow is left with its first slow answer.
class LatencyMean {
 public:
  static constexpr std::chrono::seconds kDecay{10};

  void record(std::chrono::nanoseconds latency, std::chrono::steady_clock::time_point now);
  // In microseconds, at least 1.
  double micros() const { return micros_ < 1 ? 1 : micros_; }

 private:
  double micros_ = 0;
  std::chrono::steady_clock::time_point last_;
};

struct Load {
  std::uint32_t outstanding = 0;
  double latency_micros = 1;
  bool usable = true;

  double cost() const { return (static_cast<double>(outstanding) + 1) * latency_micros; }
};

// Uniform in [0, bound).
using Draw = std::function<std::size_t(std::size_t bound)>;

// The index of the endpoint to use; none if no one is usable.
std::optional<std::size_t> choose(std::span<const Load> loads, const Draw& draw);

}  // namespace bulkhead::proxy
