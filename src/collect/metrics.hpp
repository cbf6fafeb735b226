#pragma once

// What is measured, as values: for Prometheus, which asks, and for a backend, which is told.

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "telemetry/trace.hpp"

namespace bulkhead::collect {

// Upper bounds of the buckets of latencies, in microseconds: from a fast answer to a hopeless one.
inline constexpr std::uint64_t kBounds[] = {500,     1'000,   2'500,   5'000,     10'000,    25'000,    50'000,
                                            100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000};
inline constexpr std::size_t kBuckets = std::size(kBounds) + 1;  // the last has no bound
std::size_t bucket_of(std::int64_t us);

// One request among those that a bucket counts.
struct Exemplar {
  telemetry::TraceId trace{};
  std::int64_t us = -1;  // -1: there is none
  std::int64_t at_us = 0;
};
using Exemplars = std::array<Exemplar, kBuckets>;

using Labels = std::vector<std::pair<std::string, std::string>>;

struct Sample {
  Labels labels;
  std::int64_t value = 0;
  double real = 0;  // of a family of real numbers
};

struct HistogramSample {
  Labels labels;
  std::vector<double> bounds;        // in the family's unit, ascending
  std::vector<std::uint64_t> up_to;  // how many are not above each bound, and all
  double sum = 0;
  std::vector<Exemplar> exemplars;  // none, or for each of up_to the one of what the bucket itself counted
};

struct Family {
  enum class Kind : std::uint8_t {
    counter,  // its name ends in _total
    gauge,
    histogram,  // in seconds
  };
  std::string name;
  Kind kind = Kind::counter;
  std::string help;
  bool micros = false;  // values are microseconds, to be told as seconds
  bool reals = false;
  std::vector<Sample> samples;
  std::vector<HistogramSample> histograms;
};

enum class MetricsFormat : std::uint8_t { prometheus, open_metrics };

// Prometheus' text format (0.0.4), or OpenMetrics 1.0, which has exemplars. Families without samples are left out.
std::string prometheus_text(const std::vector<Family>& families, MetricsFormat format);

}  // namespace bulkhead::collect
