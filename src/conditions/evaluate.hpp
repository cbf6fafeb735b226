#pragma once

#include <cstdint>

#include "conditions/arena.hpp"
#include "conditions/environment.hpp"
#include "conditions/program.hpp"

namespace bulkhead::conditions {

struct Outcome {
  Value value;  // maybe a failure; lives as long as request, program and the arena's content
  std::uint64_t steps = 0;
};

// Computes a program's value for one request, in at most kMostSteps. Allocates nothing but in the arena, which is not
// cleared before; RE2 may, when it meets a text unlike all before.
Outcome evaluate(const Program& program, const Activation& request, Arena& arena);

}  // namespace bulkhead::conditions
