#pragma once

// What a process gives up. All of it is irrevocable and for the calling process only.

#include "base/result.hpp"

namespace bulkhead::compartments {

// Becomes the service: uid and gid 1000, no supplementary group, no capability in any set, securebits locked so that
// uid 0 would mean nothing, no_new_privs, killed with its parent.
Result<> become_service();

// Loads the service's seccomp filter (service_filter.cpp says what it refuses, and why). After become_service().
Result<> load_service_filter();

// The namespace's init, once the service runs: only what signalling it (CAP_KILL) and vending sockets to it
// (CAP_NET_ADMIN) take is in effect. Permitted is, for those that it forks, what becoming the service takes.
Result<> keep_init_capabilities();

// In a fork of init: what is permitted takes effect, until become_service() gives all of it up.
Result<> raise_capabilities();

// The next exec of this process keeps its capabilities whatever its uid (ambient set).
void keep_capabilities_across_exec();

}  // namespace bulkhead::compartments
