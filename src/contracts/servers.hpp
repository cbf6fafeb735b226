#pragma once

#include <string>
#include <vector>

#include "contracts/document.hpp"

namespace bulkhead::contracts {

// The paths of an OpenAPI document's servers, each without '/' at its end and once; one at least, perhaps "". Variables
// are taken by their defaults.
Result<std::vector<std::string>> bases_of(const Node& document);

}  // namespace bulkhead::contracts
