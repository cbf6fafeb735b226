#pragma once

#include <vector>

#include "compartments/cgroup.hpp"

namespace bulkhead::control {

// What this host lacks without which no service can be sealed, each with the way to get it. Empty: nothing. Tries it,
// which takes some ten milliseconds.
std::vector<compartments::NotEnforced> missing_on_host();

}  // namespace bulkhead::control
