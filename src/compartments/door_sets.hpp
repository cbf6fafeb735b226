#pragma once

// The doors of a compartment that runs: the two sets of its packet filter (ruleset.hpp), replaced in one transaction of
// nf_tables, without a program of the compartment's root.

#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "compartments/spec.hpp"

namespace bulkhead::compartments {

// Doors as they travel from keeper to init: a sealed memory file. Cause::invalid for an address that isn't numeric.
Result<Fd> pack_doors(const std::vector<Door>& doors);
Result<std::vector<Door>> read_doors(const Fd& packed);

// In the compartment's network namespace, with CAP_NET_ADMIN over it. Either all are set, or the old ones stay. Packets
// of a connection to a door that is gone are answered with a reset.
Result<> replace_doors(const std::vector<Door>& doors);

}  // namespace bulkhead::compartments
