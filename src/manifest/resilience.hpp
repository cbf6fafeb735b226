#pragma once

// How a call behaves when things break, as a call or a route of the manifest declares it. Every member that was not
// written has its default; docs/resilience.md says why each is what it is.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "manifest/units.hpp"

namespace bulkhead::manifest {

// Equal name and value; names in lower case.
struct HeaderMatch {
  std::string name;
  std::string value;
  bool operator==(const HeaderMatch&) const = default;
};

// What has failed: the callee gave no whole answer, or answered 502, 503, 504 or gRPC UNAVAILABLE. `on` adds statuses.
// What was never sent is repeated whatever stands here, as long as a request may wait for an instance.
struct Retries {
  std::uint32_t max = 1;          // further tries of one request; 0 is none
  std::vector<std::uint16_t> on;  // further statuses that count as failed: 429, 500 to 599
  bool unsafe = false;            // also methods that are not idempotent, and gRPC
  Duration per_try{0};            // a try without an answer's head by then has failed; 0: only `timeout` ends it
  Duration backoff{25};           // before the first repetition, at random up to this; doubles with each
  Duration most_backoff{250};     // up to this
  Share budget{2000};             // of the call's requests that may be repetitions
  bool operator==(const Retries&) const = default;
};

struct Breaker {
  Share errors{5000};           // of the requests of the last `over`: then it opens
  std::uint32_t requests = 20;  // that must have been made in that time
  Duration over{10000};
  Duration open{5000};  // before it lets one request try again; doubles while that fails, to eight times
  bool operator==(const Breaker&) const = default;
};

struct Outliers {
  std::uint32_t failures = 5;  // in a row, then the instance is left alone; 0: never
  Duration eject{10000};       // for so long, times the ejections so far, thirty at the most
  Share most{5000};            // of the instances that may be left alone; one always stays
  bool operator==(const Outliers&) const = default;
};

// Instead of a failure: an answer of its own, or another service's.
struct Fallback {
  std::uint16_t status = 0;  // 0: `to` is given
  std::string content_type;
  std::string body;
  std::string to;  // a service that is declared to be called too
  Port port;
  bool operator==(const Fallback&) const = default;
};

// For tests: `share` of the requests that carry all of `headers` is delayed, or answered without being sent.
struct FaultInjection {
  std::optional<Duration> delay;
  std::uint16_t abort = 0;  // a status; 0 is none
  Share share{10000};
  std::vector<HeaderMatch> headers;
  bool operator==(const FaultInjection&) const = default;
};

// The first split whose headers all match takes its share of those requests; what none takes goes where it was sent.
struct Split {
  std::string to;  // a service that is declared to be called too
  Port port;
  Share share{10000};
  std::vector<HeaderMatch> headers;
  bool operator==(const Split&) const = default;
};

struct Resilience {
  Duration timeout{0};  // from the request's arrival to the end of its answer, all tries together; 0: none
  Retries retries;
  std::optional<Breaker> breaker;
  Outliers outliers;
  Duration slow_start{10000};  // a new instance's share of requests grows to the full one in this time
  std::optional<Fallback> fallback;
  std::vector<FaultInjection> faults;
  std::vector<Split> split;
  bool operator==(const Resilience&) const = default;
};

// How many requests an instance serves at once, and who may have how many of them.
struct Concurrency {
  std::uint32_t max = 0;         // given to the program at once; 0: 256, gRPC 1024
  std::uint32_t per_caller = 0;  // of one calling service; 0: three quarters of `max` where several may call, else all
  std::uint32_t queue = 1024;    // may wait for a place; more are refused at once
  bool operator==(const Concurrency&) const = default;
};

}  // namespace bulkhead::manifest
