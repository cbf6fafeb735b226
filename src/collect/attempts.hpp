#pragma once

// Names that were looked up and addresses that were dialled without being declared stand in no trace. Which request
// made them follows from their time.

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "collect/reader.hpp"

namespace bulkhead::collect {

// Adds to the "denied" of `trace` (whole_trace) what its services tried while they served it, with
// "inferred":{"confidence"}: one by how many requests of that service were under way. To "earlier", with confidence 0,
// what they tried in the ten seconds before: lines of one kind are written once in so long (proxy::defaults), so that
// it may have been tried again. At most fifty. In the reader's thread.
Result<> add_attempts(Reader& reader, nlohmann::json& trace, std::vector<std::string>& not_seen);

}  // namespace bulkhead::collect
