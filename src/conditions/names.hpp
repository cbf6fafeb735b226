#pragma once

#include <span>
#include <string>
#include <string_view>

#include "conditions/environment.hpp"
#include "conditions/functions.hpp"

namespace bulkhead::conditions {

// The sentence for a name that means nothing: what was meant, or what names there are. `name` may have dots; `elements`
// are the names that loops have given.
std::string unknown_name(std::string_view name, const Environment& environment, std::span<const std::string> elements);

// The sentence for a call that nothing fits: another function, or what this one takes.
std::string unknown_call(std::string_view name, bool member, std::span<const Type> arguments);

}  // namespace bulkhead::conditions
