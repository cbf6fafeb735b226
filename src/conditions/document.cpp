#include "conditions/document.hpp"

#include <limits>
#include <utility>

namespace bulkhead::conditions {

Value Document::empty_map() {
  static const Entries none;
  return map_of(&none);
}

Document::Document(std::shared_ptr<const nlohmann::json> json) : json_(std::move(json)), value_(convert(*json_)) {}

Value Document::convert(const nlohmann::json& node) {
  switch (node.type()) {
    case nlohmann::json::value_t::boolean: return Value::boolean(node.get<bool>());
    case nlohmann::json::value_t::number_integer: return Value::int64(node.get<std::int64_t>());
    case nlohmann::json::value_t::number_unsigned: {
      const auto number = node.get<std::uint64_t>();
      if (std::in_range<std::int64_t>(number)) return Value::int64(static_cast<std::int64_t>(number));
      return Value::float64(static_cast<double>(number));
    }
    case nlohmann::json::value_t::number_float: return Value::float64(node.get<double>());
    case nlohmann::json::value_t::string: return Value::string(node.get_ref<const std::string&>());
    case nlohmann::json::value_t::array: return convert_list(node);
    case nlohmann::json::value_t::object: return convert_map(node);
    default: return {};
  }
}

Value Document::convert_list(const nlohmann::json& node) {
  List& list = lists_.emplace_front();
  list.values.reserve(node.size());
  for (const nlohmann::json& item : node) list.values.push_back(convert(item));
  list.elements = list.values;
  return list_of(&list.elements);
}

Value Document::convert_map(const nlohmann::json& node) {
  Map& map = maps_.emplace_front();
  map.pairs.reserve(node.size());
  for (const auto& [name, member] : node.get_ref<const nlohmann::json::object_t&>())
    map.pairs.push_back({Value::string(name), convert(member)});
  map.entries = map.pairs;
  return map_of(&map.entries);
}

}  // namespace bulkhead::conditions
