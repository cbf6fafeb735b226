#include <set>

#include <nlohmann/json.hpp>

#include "policy/model.hpp"

namespace bulkhead::policy {

using nlohmann::json;

namespace {

constexpr int kDeepest = 64;

}  // namespace

Result<json> read_json(std::string_view text) {
  std::vector<std::set<std::string>> open;
  std::string wrong;
  auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start || event == json::parse_event_t::array_start) {
      open.emplace_back();
      if (depth >= kDeepest && wrong.empty()) wrong = "it is nested too deeply";
    } else if (event == json::parse_event_t::object_end || event == json::parse_event_t::array_end) {
      open.pop_back();
    } else if (event == json::parse_event_t::key) {
      auto name = parsed.get<std::string>();
      if (!open.back().insert(name).second && wrong.empty()) wrong = fmt::format("'{}' stands there twice", name);
    }
    return wrong.empty();
  };
  json value = json::parse(text, watch, false);
  if (!wrong.empty()) return fail(Cause::invalid, "bad JSON: {}", wrong);
  if (value.is_discarded()) return fail(Cause::invalid, "bad JSON");
  return value;
}

}  // namespace bulkhead::policy
