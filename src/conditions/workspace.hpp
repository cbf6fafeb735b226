#pragma once

// What functions need beside their arguments, and how they make values.

#include <span>
#include <string_view>

#include "conditions/arena.hpp"
#include "conditions/functions.hpp"
#include "conditions/steps.hpp"
#include "conditions/value.hpp"

namespace bulkhead::conditions {

struct Workspace {
  Arena& arena;
  std::uint64_t& steps_left;
};

// Of one call; as many as an overload of the function has, of whatever kinds.
using Arguments = std::span<const Value>;

inline Value failed(Reason reason) { return Value::failure({reason}); }

inline bool spend(Workspace& work, std::uint64_t steps) { return spend(work.steps_left, steps); }

// A copy in the arena.
Value make_string(Workspace& work, std::string_view text);

// One family of functions each. A failure's offset is the caller's to set.
Value arithmetic(Function function, Arguments arguments, Workspace& work);
Value convert(Function function, const Value& from, Workspace& work);
Value text_function(Function function, Arguments arguments, Workspace& work);
Value time_function(Function function, Arguments arguments);

}  // namespace bulkhead::conditions
