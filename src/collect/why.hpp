#pragma once

// One trace in words: what became of the request, where its time went or what failed first, and each step. Pure:
// whoever has the records fills in Evidence (`docs/api.md`, "traces" and "why"). Times are microseconds; absent texts
// are "". Records may be incomplete, contradictory or a stranger's: parents that are missing or go in circles are
// treated as absent. It keeps nothing.

#include <cstdint>
#include <map>
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
  std::string detail;    // more of the cause, for a person
  std::string rule;      // of the call
  std::string no_retry;  // name of proxy::RetryAction::Kind
  std::string user;
  std::int64_t start_us = 0;
  std::int64_t duration_us = 0;
  unsigned attempts = 1;
  std::int64_t queued_us = 0, injected_us = 0;
  std::int64_t skew_us = 0;          // its clock was ahead by so much, and it was moved (skew.hpp)
  std::optional<double> confidence;  // the parent was inferred
};

struct DenialRecord {
  std::string kind = "request";  // "request", "dial", "name"
  std::string subject, object, action, verdict, rule, rule_at, reason, allow;
  std::int64_t at_us = 0;
  // It stands in no trace: that this request made it follows from its time. 0: the same was tried before this request,
  // and lines of one kind are written once a while.
  std::optional<double> confidence;
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
  std::int64_t since_us = 0;   // it runs; 0: not known
  std::string caller, method;  // of whose requests, and of which
};

// The request after which a breaker was open.
struct OpeningRecord {
  std::string trace, outcome;
  std::int64_t at_us = 0;
};

struct Evidence {
  std::string trace;
  std::vector<SpanRecord> spans;
  std::vector<DenialRecord> denials;
  std::vector<LogRecord> logs;
  std::vector<InstanceRecord> instances;
  std::optional<OpeningRecord> opening;  // of the breaker that refused the first span that failed
  std::map<std::pair<std::string, std::string>, std::string> calls;  // the rule from one service to another, if one
  std::map<std::string, std::string> rules;                          // where the manifest has each call and route
  std::vector<std::string> declared;  // names of services, for what was meant by another name
  std::int64_t usual_us = 0;          // that requests of the trace's kind took; 0: not known, and a second is long
};

struct Why {
  struct Cause {
    std::string what;  // one word, e.g. "slow_dependency": below
    std::string service;
    std::string text;
    std::string span;
    std::string rule, rule_at;
    std::string trace;  // another one that tells more; ""
    std::string next;   // what to do, for a person
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
// queued, bad_instance, retry_storm, many_calls, slow_dependency, slow_service, program_error, fault_injected,
// clock_skew, or a refusal's own name (proxy::RefusalCause).
Why explain(const Evidence& evidence);

}  // namespace bulkhead::collect
