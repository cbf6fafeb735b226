#pragma once

// Clocks that disagree: a program's own, and one that was set in the middle of a trace. Spans are put where causality
// has them, and say by how much they were moved. Pure.

#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace bulkhead::collect {

// `spans`: those of one trace as in docs/api.md, in any order; parents may be missing or go in circles. A span that
// began before the one that caused it, or whose sidecar had it after its caller's call was over, gets another
// `start_us` within that one, together with all below it, and `skew_us`: how far its clock was ahead (negative: behind)
// of that of the span above it. What began in another trace is left, as nothing is known of it.
void straighten(std::vector<nlohmann::json>& spans);

}  // namespace bulkhead::collect
