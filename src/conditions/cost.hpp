#pragma once

#include <cstddef>
#include <cstdint>

#include "conditions/ast.hpp"
#include "conditions/checker.hpp"

namespace bulkhead::conditions {

// What a request is assumed to bring at most, one level deep where types are not known. Larger ones are evaluated as
// well, as far as kMostSteps reaches.
inline constexpr std::uint64_t kAssumedElements = 64;  // of a list or map
inline constexpr std::uint64_t kAssumedBytes = 4096;   // of a text

struct Cost {
  std::uint64_t steps = 0;         // at most, for such a request; saturates
  std::uint32_t dearest_loop = 0;  // where in the source the loop stands that takes most of them
};

Cost estimate(const Ast& ast, const Meaning& meaning);

}  // namespace bulkhead::conditions
