#pragma once

// New namespaces for a compartment's init and who is who in them.

#include <sys/types.h>

#include "base/result.hpp"
#include "compartments/spec.hpp"

namespace bulkhead::compartments {

// Like fork: -1 never comes back, 0 in the child, which has user, network, mount, pid, ipc, uts (and cgroup) namespaces
// of its own but no ids yet. For a process with one thread.
Result<pid_t> fork_into_namespaces();

// Maps 0 to this process's user and 1000 to the service's id in the child. With IdMapping::single only 1000, to this
// user.
Result<> write_id_maps(pid_t child, const Ids& ids);

}  // namespace bulkhead::compartments
