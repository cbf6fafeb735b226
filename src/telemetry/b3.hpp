#pragma once

// B3, the trace context of Zipkin (openzipkin/b3-propagation): in one field, or in several. Pure.

#include <optional>
#include <string>
#include <string_view>

#include "telemetry/trace.hpp"

namespace bulkhead::telemetry {

// "{trace}-{span}", "{trace}-{span}-{sampled}", "{trace}-{span}-{sampled}-{parent}": a trace's id has 16 or 32
// lower-case hexadecimal digits, a span's 16, sampled is 0, 1 or d. Without ids ("0", "1", "d") it is no context.
std::optional<TraceParent> parse_b3(std::string_view text);
// The values of x-b3-traceid, x-b3-spanid, x-b3-sampled ("0", "1", "true", "false", "" where absent) and x-b3-flags
// ("1" means sampled whatever else is said).
std::optional<TraceParent> parse_b3(std::string_view trace, std::string_view span, std::string_view sampled,
                                    std::string_view flags);

// A trace whose first half is zero has 16 digits, as it came.
std::string b3_trace_id(const TraceId& id);
std::string format_b3(const TraceParent& context, const std::optional<SpanId>& parent);

}  // namespace bulkhead::telemetry
