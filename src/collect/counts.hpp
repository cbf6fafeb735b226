#pragma once

// What flowed between two counts of one sidecar: its counters only grow, so a line that was lost loses nothing. Pure.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/result.hpp"
#include "telemetry/histogram.hpp"

namespace bulkhead::collect {

struct Flow {
  bool caller_side = true;
  std::string caller, callee;
  std::int64_t port = 0;
  std::int64_t requests = 0, errors = 0, sent = 0, received = 0, open = 0;
  std::int64_t classes[6] = {};
  telemetry::Histogram latency;
  bool empty() const { return requests == 0 && sent == 0 && received == 0 && latency.count() == 0; }
};

struct Attempt {
  std::string caller, callee, method, path, reason;
  std::int64_t count = 0;
};

// Whether what is counted with this reason was stopped: an answer that its contract does not describe, and what is not
// enforced, are counted too.
bool is_refusal(std::string_view reason);

struct Flowed {
  std::int64_t at_ms = 0;
  std::vector<Flow> flows;        // those with something in them
  std::vector<Attempt> attempts;  // the same
};

// What the line `after` (Journal::write_counts) has more than the last one of the same process. `last` has that, among
// those of others: while a sidecar hands over to its successor, both count. Malformed: Cause::invalid.
Result<Flowed> flowed_since(std::string_view last, std::string_view after);
// `last` for the next line: the newest ones of a few processes, a line each.
std::string remember(std::string_view last, std::string_view line);

}  // namespace bulkhead::collect
