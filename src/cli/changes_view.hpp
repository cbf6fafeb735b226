#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace bulkhead::cli {

// What an `up` changes and what follows, as the controller tells it ("changes", "effects"): a block for each service.
// Empty where nothing does.
std::string changes_text(const nlohmann::json& reply);

// One change in a line: "environment.LEVEL  debug -> info".
std::string change_line(const nlohmann::json& change);

// Revisions as `history` tells them, newest first.
std::string history_text(const nlohmann::json& reply);

}  // namespace bulkhead::cli
