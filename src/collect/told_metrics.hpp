#pragma once

// Metrics that programs tell of themselves (opentelemetry-proto metrics/v1), in protobuf and in JSON. Pure; bounded in
// depth, number and length.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "collect/metrics.hpp"

namespace bulkhead::collect {

// One data point: the value of one series, as it is now.
struct ToldPoint {
  std::string name, unit, help;
  Family::Kind kind = Family::Kind::gauge;
  std::vector<std::pair<std::string, std::string>> attributes;  // by name, each once
  std::int64_t since_us = 0, at_us = 0;
  double value = 0;  // of a counter or gauge
  // Of a histogram: counts has one more than bounds.
  std::vector<double> bounds;
  std::vector<std::uint64_t> counts;
  double sum = 0;
};

struct ToldMetrics {
  std::vector<ToldPoint> points;
  std::size_t refused = 0;   // differences instead of sums, summaries, exponential histograms
  std::size_t left_out = 0;  // beyond `most`
};

// An ExportMetricsServiceRequest, the first `most` points of what it has. Cause::invalid says what is wrong with it.
Result<ToldMetrics> read_otlp_metrics_protobuf(std::string_view message, std::size_t most);
Result<ToldMetrics> read_otlp_metrics_json(std::string_view text, std::size_t most);

}  // namespace bulkhead::collect
