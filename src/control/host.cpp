#include "control/host.hpp"

#include "compartments/host_check.hpp"

namespace bulkhead::control {

std::vector<compartments::NotEnforced> missing_on_host() { return compartments::check_host().fatal; }

}  // namespace bulkhead::control
