#include "collect/gateway_name.hpp"

#include <nlohmann/json.hpp>

#include "policy/model.hpp"

namespace bulkhead::collect {

using nlohmann::json;

std::string gateway_name(const json& application) {
  constexpr std::string_view kSpoken = "gateway";
  if (application.is_object())
    for (const json& service : application.value("services", json::array()))
      if (service.value("name", "") == kSpoken && service.value("kind", "") != kSpoken)
        return std::string(policy::kGateway);
  return std::string(kSpoken);
}

void name_gateway(json& answer, const std::string& name) {
  if (answer.is_string() && answer.get_ref<const std::string&>() == policy::kGateway) answer = name;
  if (answer.is_structured())
    for (json& each : answer) name_gateway(each, name);
}

// Within a text of JSON a quotation mark is escaped, so that this is a whole value.
std::string with_gateway_named(std::string text, const std::string& name) {
  const std::string recorded = '"' + std::string(policy::kGateway) + '"', spoken = '"' + name + '"';
  for (std::size_t at = text.find(recorded); at != std::string::npos; at = text.find(recorded, at + spoken.size()))
    text.replace(at, recorded.size(), spoken);
  return text;
}

}  // namespace bulkhead::collect
