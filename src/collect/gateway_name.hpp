#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace bulkhead::collect {

// The gateway is policy::kGateway in everything that is recorded. To people it is "gateway", where no service of
// `application` (docs/api.md) has that name; there it stays what it is.
std::string gateway_name(const nlohmann::json& application);

// Each text of `answer` that is the recorded name becomes `name`; the same in JSON that is text already.
void name_gateway(nlohmann::json& answer, const std::string& name);
std::string with_gateway_named(std::string json, const std::string& name);

}  // namespace bulkhead::collect
