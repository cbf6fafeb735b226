#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/result.hpp"

namespace bulkhead::collect {

// What `service` could reach by the declared edges of `application` (docs/api.md, reach). Pure.
Result<nlohmann::json> reach_of(const nlohmann::json& application, const std::string& service);

}  // namespace bulkhead::collect
