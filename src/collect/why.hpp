#pragma once

// One trace in words: what became of the request, where its time went or what failed first, and each step. Pure:
// whoever has the records fills in Evidence (`docs/api.md`, "traces" and "why"). Times are microseconds; absent texts
// are "". Records may be incomplete, contradictory or a stranger's: parents that are missing or go in circles are
// treated as absent. It keeps nothing.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bulkhead::collect {

struct SpanRecord {
  std::string id;
  std::string parent;
  std::string hop;      // "gateway", "outer", "inner", "egress"; "program": told by the program itself, with `name`
  std::string service;  // whose process recorded it
  std::string caller, callee, instance;
  std::string method, path, name;
  int status = 0;        // 0: ended without one
  int grpc_status = -1;  // -1: not gRPC
  bool error = false;    // of a program's span
  std::string cause;     // name of a proxy::RefusalCause
  std::string fell_back;
  std::string user;
  std::int64_t start_us = 0;
  std::int64_t duration_us = 0;
  unsigned attempts = 1;
  std::optional<double> confidence;  // the parent was inferred
};

struct DenialRecord {
  std::string kind = "request";  // "request", "dial", "name"
  std::string subject, object, action, verdict, rule, rule_at, reason, allow;
  std::int64_t at_us = 0;
};

struct LogRecord {
  std::string service, text, severity;
  std::int64_t at_us = 0;
};

// What other requests saw of the instances, lately.
struct InstanceRecord {
  std::string service, instance;
  std::uint64_t requests = 0, errors = 0;
  std::int64_t p50_us = 0;
};

struct Evidence {
  std::vector<SpanRecord> spans;
  std::vector<DenialRecord> denials;
  std::vector<LogRecord> logs;
  std::vector<InstanceRecord> instances;
  std::vector<std::string> declared;  // names of services, for what was meant by another name
  std::int64_t usual_us = 0;          // that such a request takes; 0: not known, and a second is long
};

struct Why {
  struct Cause {
    std::string what;  // one word, e.g. "slow_dependency": below
    std::string service;
    std::string text;
    std::string span;
    std::string rule, rule_at;
  };
  struct Step {
    std::int64_t at_us;  // since the trace's start
    std::int64_t duration_us;
    unsigned depth;
    std::string span;
    std::string text;
  };
  std::string summary;
  std::optional<Cause> cause;  // absent: nothing went wrong
  std::vector<Step> steps;     // in the order of the tree, then of time; at most 1,000
};

// What a cause may be: undeclared_call, denied, user_token_expired, user_token, contract, shed, breaker_open,
// bad_instance, retry_storm, many_calls, slow_dependency, slow_service, program_error, clock_skew, or a refusal's own
// name (proxy::RefusalCause).
Why explain(const Evidence& evidence);

}  // namespace bulkhead::collect
