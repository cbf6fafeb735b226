#include "collect/otlp_values.hpp"

#include <charconv>

#include "base/json.hpp"

namespace bulkhead::collect {

using nlohmann::json;

std::string cut(std::string_view text) {
  if (text.size() > kMostText) text = text.substr(0, kMostText);
  return std::string(text);
}

std::string json_text(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

json any_value(std::string_view message, int depth, bool& bad) {
  ProtobufReader reader(message);
  json value;
  while (reader.next()) {
    switch (reader.field()) {
      case 1: value = cut(reader.bytes()); break;
      case 2: value = reader.number() != 0; break;
      case 3: value = reader.signed_number(); break;
      case 4: value = reader.real(); break;
      case 5:
      case 6: {
        const bool list = reader.field() == 5;
        value = list ? json::array() : json::object();
        if (depth == 0) break;
        ProtobufReader values(reader.bytes());
        while (values.next() && value.size() < kMostAttributes) {
          if (values.field() != 1) continue;
          if (list) {
            value.push_back(any_value(values.bytes(), depth - 1, bad));
            continue;
          }
          ProtobufReader pair(values.bytes());
          std::string key;
          json inner;
          while (pair.next()) {
            if (pair.field() == 1) key = cut(pair.bytes());
            if (pair.field() == 2) inner = any_value(pair.bytes(), depth - 1, bad);
          }
          bad = bad || pair.malformed();
          value[key] = std::move(inner);
        }
        bad = bad || values.malformed();
        break;
      }
      case 7: value = fmt::format("{} octets", reader.bytes().size()); break;
      default: break;
    }
  }
  bad = bad || reader.malformed();
  return value;
}

void add_attribute(std::string_view message, json& attributes, bool& bad) {
  if (attributes.size() >= kMostAttributes) return;
  ProtobufReader pair(message);
  std::string key;
  json value;
  while (pair.next()) {
    if (pair.field() == 1) key = cut(pair.bytes());
    if (pair.field() == 2) value = any_value(pair.bytes(), kMostNesting, bad);
  }
  bad = bad || pair.malformed();
  if (!key.empty()) attributes[key] = std::move(value);
}

const json& member(const json& value, const char* name) {
  static const json none;
  if (!value.is_object()) return none;
  const auto found = value.find(name);
  return found == value.end() ? none : *found;
}

std::string text_in(const json& value, const char* name) {
  const json& found = member(value, name);
  return found.is_string() ? cut(found.get_ref<const std::string&>()) : "";
}

std::uint64_t number_in(const json& value, const char* name) {
  const json& found = member(value, name);
  if (found.is_number_unsigned()) return found.get<std::uint64_t>();
  if (!found.is_string()) return 0;
  std::uint64_t number = 0;
  const std::string& text = found.get_ref<const std::string&>();
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

json plain_value(const json& value, int depth) {
  if (const json& text = member(value, "stringValue"); text.is_string()) return cut(text.get_ref<const std::string&>());
  if (const json& truth = member(value, "boolValue"); truth.is_boolean()) return truth;
  if (const json& whole = member(value, "intValue"); !whole.is_null())
    return whole.is_string() ? json(static_cast<std::int64_t>(number_in(value, "intValue"))) : whole;
  if (const json& real = member(value, "doubleValue"); real.is_number()) return real;
  if (member(value, "bytesValue").is_string()) return "octets";
  json made;
  for (const char* kind : {"arrayValue", "kvlistValue"}) {
    const json& values = member(member(value, kind), "values");
    if (!values.is_array() || depth == 0) continue;
    const bool list = kind == std::string_view("arrayValue");
    made = list ? json::array() : json::object();
    for (const json& each : values) {
      if (made.size() >= kMostAttributes) break;
      if (list)
        made.push_back(plain_value(each, depth - 1));
      else
        made[text_in(each, "key")] = plain_value(member(each, "value"), depth - 1);
    }
  }
  return made;
}

json plain_attributes(const json& list) {
  json attributes = json::object();
  if (!list.is_array()) return attributes;
  for (const json& each : list) {
    if (attributes.size() >= kMostAttributes) break;
    if (const std::string key = text_in(each, "key"); !key.empty())
      attributes[key] = plain_value(member(each, "value"), kMostNesting);
  }
  return attributes;
}

}  // namespace bulkhead::collect
