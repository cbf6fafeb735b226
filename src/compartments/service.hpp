#pragma once

// Starts the service's process inside its compartment. For the namespace's init only.

#include <sys/types.h>

#include "base/result.hpp"
#include "compartments/init.hpp"
#include "compartments/spec.hpp"

namespace bulkhead::compartments {

// Forks, moves into the cgroups, becomes the service, loads the filter, executes. Returns when exec succeeded; a
// failure before or of it is reported here, and the child is gone.
Result<pid_t> start_service(const Compartment& compartment, const InitOptions& options);

}  // namespace bulkhead::compartments
