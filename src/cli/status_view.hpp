#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace bulkhead::cli {

// What the controller's status says, for a person: the table and, below it, whatever is not as it should be.
std::string status_text(const nlohmann::json& status, std::int64_t unix_now);

}  // namespace bulkhead::cli
