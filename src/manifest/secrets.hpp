#pragma once

#include <string_view>

namespace bulkhead::manifest {

// Why a variable looks like a secret, "" where it does not: "its name", "it begins like a known kind of key", "it holds
// a password", "it is random". A guess for a warning; the answer never contains the value.
std::string_view looks_secret(std::string_view name, std::string_view value);

}  // namespace bulkhead::manifest
