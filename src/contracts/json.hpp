#pragma once

// Bodies and documents are read as base/json_tape.hpp has it.

#include "base/json_tape.hpp"

namespace bulkhead::contracts {

using tape::Json;
using tape::JsonMistake;
using tape::Kind;
using tape::Value;

using tape::append_quoted;
using tape::append_token;
using tape::hash_text;
using tape::is_number;
using tape::kDeepestJson;
using tape::same_text;
using tape::take_token;

}  // namespace bulkhead::contracts
