#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compartments/cgroup.hpp"

namespace bulkhead::control {

// What this host lacks without which no service can be sealed, each with the way to get it. Empty: nothing. Tries it,
// which takes some ten milliseconds.
std::vector<NotEnforced> missing_on_host();

// What this user starts ends with the user's last session: the command that changes this, where it is so.
std::optional<std::string> way_to_outlive_sessions();

}  // namespace bulkhead::control
