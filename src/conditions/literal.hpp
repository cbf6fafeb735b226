#pragma once

#include <string>

#include "conditions/lexer.hpp"
#include "conditions/value.hpp"

namespace bulkhead::conditions {

// The number of an int64, uint64 or float64 token, with a minus in front of it where `negative`.
Checked<Value> read_number(const Token& token, bool negative);

// What a string or bytes token holds, its escapes replaced. A string's is UTF-8 if the token is.
Checked<std::string> read_text(const Token& token);

}  // namespace bulkhead::conditions
