#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "collect/reader.hpp"

namespace bulkhead::collect {

// `trace` (whole_trace) in words: {"trace","summary","cause","steps"} of docs/api.md. What other requests saw of the
// same instances is looked up around its time. In the reader's thread.
Result<nlohmann::json> why_trace(Reader& reader, const nlohmann::json& trace, const nlohmann::json& application,
                                 std::vector<std::string>& not_seen);

}  // namespace bulkhead::collect
