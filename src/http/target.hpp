#pragma once

// The one reading of a request target. Policy, routing and the upstream see the same bytes: nothing is normalised or
// decoded, and a path that two programs could read differently is refused where a rule looks at paths.

#include <string_view>

#include "base/result.hpp"

namespace bulkhead::http {

struct Target {
  std::string_view path;   // up to the first '?'
  std::string_view query;  // after it, without it
};

Target split_target(std::string_view target);

// The split target if its path is fit for path rules: it begins with '/', and has no "//", no segment "." or ".."
// (encoded or not), no %2F, %5C, %00 or broken percent-encoding, no ';', '#', backslash, and no byte outside
// 0x21..0x7e. The query may hold anything printable but '#'. Fault: invalid, with the reason.
Result<Target> check_target(std::string_view target);

}  // namespace bulkhead::http
