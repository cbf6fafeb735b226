#pragma once

// What the store keeps, as it is handed in: views that live as long as the line they were read from.

#include <cstdint>
#include <string_view>

#include "telemetry/trace.hpp"

namespace bulkhead::collect {

// One hop's view of a request (telemetry::Span), or a span that a program told by itself.
struct SpanRow {
  telemetry::TraceId trace{};
  std::uint64_t span = 0;
  std::uint64_t parent = 0;  // 0: none
  std::int64_t start_us = 0;
  std::int64_t us = 0;
  std::string_view hop;  // "gateway", "outer", "inner", "egress"; "program": told over OTLP
  std::string_view caller, callee, instance, protocol, method, path, cause, fell_back, user, request_id;
  std::int64_t port = 0;
  std::int64_t status = 0;
  std::int64_t grpc_status = -1;
  std::int64_t attempts = 1;
  std::int64_t sent = 0, received = 0;
  std::string_view detail, rule, no_retry;      // of a hop
  std::int64_t queued_us = 0, injected_us = 0;  // likewise
  std::string_view extra;  // JSON of a program's span: {"name","kind","error","attributes","events"}

  bool failed() const { return status >= 500 || grpc_status > 0 || !cause.empty(); }
};

struct DecisionRow {
  std::int64_t at_us = 0;
  std::string_view kind;  // "request", "dial"
  std::string_view subject, object, owner, action, verdict, rule, rule_at, reason, allow, hop, user, request_id;
  telemetry::TraceId trace{};  // all zero: none
  std::int64_t count = 1;
};

struct LogRow {
  std::int64_t at_us = 0;
  std::string_view service, instance, stream, text, severity;
  telemetry::TraceId trace{};
  std::uint64_t span = 0;
};

// What flowed over one edge since the count before, as one end of it counted.
struct FlowRow {
  std::int64_t at_ms = 0;
  bool caller_side = true;
  std::string_view caller, callee;
  std::int64_t port = 0;
  std::int64_t requests = 0, errors = 0, sent = 0, received = 0;
  std::int64_t classes[6] = {};
  std::string_view latency;  // telemetry::Histogram, encoded
};

// The trace `child`, whose first span is `child_span`, was caused by the span `parent_span` of the trace `parent`.
struct TraceJoin {
  telemetry::TraceId child{}, parent{};
  std::uint64_t child_span = 0, parent_span = 0;
  double confidence = 0;
};

// Refusals of one kind since the count before.
struct AttemptRow {
  std::int64_t at_ms = 0;
  std::string_view caller, callee, method, path, reason;
  std::int64_t count = 0;
};

}  // namespace bulkhead::collect
