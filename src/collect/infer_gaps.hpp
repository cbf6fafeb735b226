#pragma once

// How long a program takes between two events of a request, as a histogram that forgets: bins of 1 µs below 32 µs,
// sixteen to an octave above, smoothed as the number of samples allows. No shape is assumed: caches and retries make
// gaps of several peaks. One thread.

#include <array>
#include <cstdint>

namespace bulkhead::collect {

class Gaps {
 public:
  void add(std::int64_t gap_us, double weight);
  void forget(double keep);  // what was added weighs only `keep` of what it did
  void refresh();            // density() and the range follow what was added since

  double density(std::int64_t gap_us) const;     // per µs, never 0
  std::int64_t least() const { return least_; }  // gaps below it and
  std::int64_t most() const { return most_; }    // above it are next to impossible
  std::int64_t usual() const { return usual_; }  // median
  static double stray(std::int64_t gap_us);      // density of a gap about which nothing is known
  double total() const { return total_; }

  static constexpr std::size_t kBins = 368;
  static std::size_t bin(std::int64_t gap_us);
  static std::int64_t floor_of(std::size_t bin);
  static double width_of(std::size_t bin);

 private:
  void find_range();

  std::array<float, kBins> counts_{};
  std::array<float, kBins> density_{};
  double total_ = 0;
  double stray_ = 1;  // probability of a gap unlike those seen
  std::int64_t least_ = 0;
  std::int64_t most_ = 0;
  std::int64_t usual_ = 0;
};

}  // namespace bulkhead::collect
