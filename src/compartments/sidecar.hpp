#pragma once

// Starts the sidecar's process from the keeper.

#include <sys/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "compartments/spec.hpp"

namespace bulkhead::compartments {

// Forks, changes to the platform's uid if the spec names one, executes with the link as fd 3, nothing else, and the
// given output. It dies with this process. Exec's failure shows as its exit with 127.
Result<pid_t> start_sidecar(const SidecarSpec& spec, const Fd& link, const Fd& output);

}  // namespace bulkhead::compartments
