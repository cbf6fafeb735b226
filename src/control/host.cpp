#include "control/host.hpp"

#include "compartments/host_check.hpp"

namespace bulkhead::control {

std::vector<NotEnforced> missing_on_host() { return compartments::check_host().fatal; }

std::optional<std::string> way_to_outlive_sessions() { return compartments::way_to_outlive_sessions(); }

}  // namespace bulkhead::control
