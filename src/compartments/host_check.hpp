#pragma once

// Can this host seal a service? Found by building a whole compartment and throwing it away, never by guessing from
// versions.

#include <vector>

#include "base/result.hpp"
#include "compartments/cgroup.hpp"

namespace bulkhead::compartments {

struct HostReport {
  std::vector<NotEnforced> fatal;     // without these nothing is started
  std::vector<NotEnforced> degraded;  // the service runs, and `status` shows it
  bool can_seal() const { return fatal.empty(); }
};

// What the keeper and the check say where launcher and services share one uid.
NotEnforced own_uid_not_enforced();

// For a process with one thread, as it forks into new namespaces. Takes some ten milliseconds; makes and leaves
// nothing. Cgroups are not part of it (see detect_cgroups).
HostReport check_host();

}  // namespace bulkhead::compartments
