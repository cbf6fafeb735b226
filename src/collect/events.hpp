#pragma once

// Decisions and log lines out of the store. In the reader's thread; answers as docs/api.md has them.

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "collect/question.hpp"
#include "collect/reader.hpp"
#include "telemetry/trace.hpp"

namespace bulkhead::collect {

// {"decisions":[…],"more"}, newest first.
Result<nlohmann::json> search_decisions(Reader& reader, const Question& question, std::vector<std::string>& not_seen);
// {"lines":[…],"more"}: the newest of the range, oldest first.
Result<nlohmann::json> search_logs(Reader& reader, const Question& question, std::vector<std::string>& not_seen);

// Of one trace, by time.
Result<nlohmann::json> decisions_of(const std::vector<WindowReader*>& windows, const telemetry::TraceId& id);
Result<nlohmann::json> logs_of(const std::vector<WindowReader*>& windows, const telemetry::TraceId& id);

}  // namespace bulkhead::collect
