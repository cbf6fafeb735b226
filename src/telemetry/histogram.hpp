#pragma once

// Latencies in a fixed small table: one row per power of two, 32 columns each, so a quantile is wrong by 1.6 % at
// most. Two histograms add up, whoever counted. One writer; readers copy or run on the same thread.

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace bulkhead::telemetry {

class Histogram {
 public:
  // What lies outside is counted at the edge: nothing is lost, the maximum stays exact.
  static constexpr std::uint64_t kLowestMicros = 1;
  static constexpr std::uint64_t kHighestMicros = 60'000'000;

  void record(std::chrono::nanoseconds latency);
  void merge(const Histogram& other);
  // Takes away what `before`, an earlier copy of this, had. The maximum is exact only where it is new, else as good as
  // a quantile.
  void subtract(const Histogram& before);

  std::uint64_t count() const { return count_; }
  std::uint64_t sum_micros() const { return sum_; }
  std::uint64_t max_micros() const { return max_; }

  // The latency below which the share `q` (0 … 1) of what was counted lies, in microseconds; 0 when nothing was.
  std::uint64_t quantile_micros(double q) const;

  // How many are not above `micros`, as far as cells tell.
  std::uint64_t count_up_to(std::uint64_t micros) const;

  // "v1;count;sum;max;index:count,index:count": only the cells in use. decode refuses whatever encode did not make.
  std::string encode() const;
  static Result<Histogram> decode(std::string_view text);

  bool operator==(const Histogram&) const = default;

 private:
  static constexpr unsigned kColumnBits = 5;
  static constexpr std::size_t kColumns = 1U << kColumnBits;
  static constexpr std::size_t kRows = 22;  // 2^26 µs is the first power above 60 s
  static std::size_t index_of(std::uint64_t micros);
  static std::uint64_t middle_of(std::size_t index);

  std::array<std::uint64_t, kColumns * kRows> cells_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace bulkhead::telemetry
