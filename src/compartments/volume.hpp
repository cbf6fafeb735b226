#pragma once

// A service's volume, seen from outside: its files belong to a uid that an ordinary launcher may not touch.

#include <string>

#include "base/result.hpp"
#include "compartments/spec.hpp"

namespace bulkhead::compartments {

// Removes `path` and all below it, in a user namespace in which launcher's and service's files are both ours. Nothing
// there is fine. For a process with one thread.
Result<> remove_volume(const std::string& path, const Ids& ids);

}  // namespace bulkhead::compartments
