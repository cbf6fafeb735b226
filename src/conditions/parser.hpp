#pragma once

#include <string_view>

#include "conditions/ast.hpp"
#include "conditions/mistake.hpp"

namespace bulkhead::conditions {

// Reads an expression of at most kLongestSource bytes (cel-spec, langdef: "Syntax", "Macros"). What the language has
// and we leave out (messages, optional values) is refused by name.
Checked<Ast> parse(std::string_view source);

}  // namespace bulkhead::conditions
