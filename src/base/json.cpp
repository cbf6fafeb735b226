#include "base/json.hpp"

#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace bulkhead {

using nlohmann::json;

Result<json> read_json(std::string_view text, int deepest) {
  if (text.starts_with("\xef\xbb\xbf")) return fail(Cause::invalid, "bad JSON: it begins with a byte order mark");
  if (text.find('\0') != text.npos) return fail(Cause::invalid, "bad JSON: it has a zero byte");
  std::vector<std::set<std::string>> open;
  std::string wrong;
  auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start || event == json::parse_event_t::array_start) {
      open.emplace_back();
      if (depth >= deepest && wrong.empty()) wrong = "it is nested too deeply";
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

}  // namespace bulkhead
