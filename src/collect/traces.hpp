#pragma once

// Traces out of the store: search, and one whole. In the reader's thread. Answers are the members of docs/api.md.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "collect/question.hpp"
#include "collect/reader.hpp"
#include "telemetry/trace.hpp"

namespace bulkhead::collect {

// {"traces":[…],"more"}, newest first.
Result<nlohmann::json> search_traces(Reader& reader, const Question& question, std::vector<std::string>& not_seen);

// A trace's id, as 32 digits; of a request's id the trace that has it. Cause::not_found: nothing is kept of it.
Result<telemetry::TraceId> find_trace_id(Reader& reader, std::string_view id, std::vector<std::string>& not_seen);

// {"id","start_us","duration_us","spans","denied","logs"}; spans by start. Cause::not_found.
Result<nlohmann::json> whole_trace(Reader& reader, const telemetry::TraceId& id, std::vector<std::string>& not_seen);

}  // namespace bulkhead::collect
