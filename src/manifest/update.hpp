#pragma once

// How the instances of a service are replaced by those of another revision, and how a job runs, as the manifest
// declares it. Every member that was not written has its default.

#include <optional>

#include "manifest/schedule.hpp"
#include "manifest/units.hpp"

namespace bulkhead::manifest {

// Bounds that a new revision must keep; of what its own instances answered since they were ready.
struct AutoRollback {
  std::optional<Share> errors;  // of its requests that may fail
  Duration p99{0};              // latency; 0: no bound
  Duration over{30000};         // how long it is watched
  bool operator==(const AutoRollback&) const = default;
};

struct Update {
  std::uint32_t max_surge = 1;        // instances above the scale at a time
  std::uint32_t max_unavailable = 0;  // instances below the scale at a time
  Duration pause{0};                  // a new instance must have been ready for so long before the next step
  std::optional<Share> canary;        // of the requests that the first new instances get until they are trusted
  std::optional<AutoRollback> auto_rollback;
  bool operator==(const Update&) const = default;
};

struct Job {
  std::uint32_t retries = 0;         // further runs of one that failed
  Duration timeout{0};               // of one run; 0: none
  std::optional<Schedule> schedule;  // else it runs once for each of its revisions
  bool operator==(const Job&) const = default;
};

}  // namespace bulkhead::manifest
