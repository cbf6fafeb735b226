#pragma once

#include <vector>

#include "conditions/ast.hpp"
#include "conditions/environment.hpp"
#include "conditions/functions.hpp"
#include "conditions/mistake.hpp"

namespace bulkhead::conditions {

// What a name or a selection means.
struct Target {
  enum class Is : std::uint8_t {
    field,     // of the value of child 0
    variable,  // `index` is its slot
    element,   // of a loop: `index` counts the loops around it from the outermost, which is 0
    type,      // `index` is the kind that it denotes
  };
  Is is = Is::field;
  std::uint32_t index = 0;
};

// For each node of an Ast what the checker found.
struct Meaning {
  std::vector<Type> types;
  std::vector<Target> targets;      // of names and selections
  std::vector<Function> functions;  // of calls
};

// Finds each name and the type of each expression (cel-spec, langdef: "Gradual Type Checking"). Where values of an
// unknown type (dyn) are concerned, types are checked again when the expression is evaluated.
Checked<Meaning> check(const Ast& ast, const Environment& environment);

}  // namespace bulkhead::conditions
