#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "telemetry/histogram.hpp"

namespace bulkhead::control {

struct Runtime;

// What a service answered, summed over instances.
struct Totals {
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;
  std::uint64_t unanswered = 0;  // of the requests that are open: those of which no answer has begun
  telemetry::Histogram latency;

  void add(const Totals& other);
};

// From what one sidecar sent ("stats"): the edges on which `service` was called, or, for the gateway, on which it
// called. What is malformed counts as nothing.
Totals totals_of(const nlohmann::json& stats, const std::string& service);
// What the present sidecars of one instance have counted.
Totals totals_of(const Runtime& runtime);

}  // namespace bulkhead::control
