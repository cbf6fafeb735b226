#pragma once

// What flowed over the edges, out of the store. In the reader's thread; answers as docs/api.md has them.

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "collect/question.hpp"
#include "collect/reader.hpp"

namespace bulkhead::collect {

// {"edges":[…],"attempts":[…]}. `declared` are the edges of the application's answer; null: it is not known.
Result<nlohmann::json> graph(Reader& reader, const Question& question, const nlohmann::json& declared,
                             std::vector<std::string>& not_seen);
// {"step_ms","points":[…]}
Result<nlohmann::json> series(Reader& reader, const Question& question, std::vector<std::string>& not_seen);
// How many lines were lost within the range, as a sentence for each source.
void tell_losses(Reader& reader, Range range, std::vector<std::string>& not_seen);

}  // namespace bulkhead::collect
