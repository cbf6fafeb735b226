#pragma once

// Which calls were really made or tried, each kind once, with how often, when, and in which traces: what a change of
// the manifest is held against. In the reader's thread.

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "collect/question.hpp"
#include "collect/reader.hpp"

namespace bulkhead::collect {

// {"calls":[{"from","to","port","protocol","method","path","count","first_ms","last_ms","verdict","allow","traces"}]},
// as docs/api.md has them.
Result<nlohmann::json> made_calls(Reader& reader, const Question& question, std::vector<std::string>& not_seen);

}  // namespace bulkhead::collect
