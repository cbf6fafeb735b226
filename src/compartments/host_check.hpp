#pragma once

// Can this host seal a service? Found by trying, in a child process, never by guessing from versions.

#include <vector>

#include "base/result.hpp"
#include "compartments/cgroup.hpp"

namespace bulkhead::compartments {

struct HostReport {
  std::vector<NotEnforced> fatal;     // without these nothing is started
  std::vector<NotEnforced> degraded;  // the service runs, and `status` shows it
  bool can_seal() const { return fatal.empty(); }
};

// Takes some ten milliseconds; makes and leaves nothing. Cgroups are not part of it (see detect_cgroups).
HostReport check_host();

}  // namespace bulkhead::compartments
