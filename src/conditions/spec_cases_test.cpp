#include "conditions/spec_cases_test.hpp"

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "conditions/compare.hpp"
#include "conditions/time.hpp"

namespace bulkhead::conditions {

namespace {

using nlohmann::json;

std::string decode_base64(std::string_view text) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string octets;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text.substr(0, text.find('='))) {
    bits = bits << 6U | static_cast<std::uint32_t>(kLetters.find(c));
    count += 6;
    if (count < 8) continue;
    count -= 8;
    octets += static_cast<char>(bits >> static_cast<unsigned>(count) & 0xffU);
  }
  return octets;
}

double read_double(const json& value) {
  if (!value.is_string()) return value.get<double>();
  const std::string text = value;
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  return (text.starts_with('-') ? -1 : 1) * std::numeric_limits<double>::infinity();
}

template <class Number>
Number read_integer(const json& value) {
  if (!value.is_string()) return value.get<Number>();
  if constexpr (std::is_signed_v<Number>) return std::stoll(value.get<std::string>());
  return static_cast<Number>(std::stoull(value.get<std::string>()));
}

std::optional<Type> primitive(const std::string& name) {
  if (name == "BOOL") return Kind::boolean;
  if (name == "INT64") return Kind::int64;
  if (name == "UINT64") return Kind::uint64;
  if (name == "DOUBLE") return Kind::float64;
  if (name == "STRING") return Kind::string;
  if (name == "BYTES") return Kind::bytes;
  return std::nullopt;
}

std::optional<Type> well_known(const std::string& name) {
  if (name == "TIMESTAMP" || name == "google.protobuf.Timestamp") return Kind::timestamp;
  if (name == "DURATION" || name == "google.protobuf.Duration") return Kind::duration;
  return std::nullopt;
}

}  // namespace

Value SpecValues::read(const json& value) {
  const std::string kind = value.begin().key();
  const json& it = value.begin().value();
  if (kind == "nullValue") return {};
  if (kind == "boolValue") return Value::boolean(it);
  if (kind == "int64Value") return Value::int64(read_integer<std::int64_t>(it));
  if (kind == "uint64Value") return Value::uint64(read_integer<std::uint64_t>(it));
  if (kind == "doubleValue") return Value::float64(read_double(it));
  if (kind == "stringValue") return Value::string(keep(it));
  if (kind == "bytesValue") return Value::bytes(keep(decode_base64(it.get<std::string>())));
  if (kind == "listValue") return read_list(it.value("values", json::array()));
  if (kind == "mapValue") return read_map(it.value("entries", json::array()));
  if (kind == "objectValue") return read_object(it);
  if (kind == "typeValue") {
    if (const auto type = kind_named(it.get<std::string>())) return Value::type(*type);
  }
  throw NotOurs{kind};
}

Value SpecValues::read_list(const json& values) {
  std::vector<Value> list;
  for (const json& each : values) list.push_back(read(each));
  return list_of(&elements_.emplace_back(lists_.emplace_back(std::move(list))));
}

Value SpecValues::read_map(const json& entries) {
  std::vector<MapEntry> map;
  for (const json& each : entries) map.push_back({read(each.at("key")), read(each.at("value"))});
  return map_of(&entries_.emplace_back(maps_.emplace_back(std::move(map))));
}

Value SpecValues::read_object(const json& object) {
  std::string type = object.at("@type");
  type = type.substr(type.rfind('/') + 1);
  const std::string text = object.contains("value") && object["value"].is_string() ? object["value"] : "";
  if (type.ends_with("Timestamp")) return Value::timestamp(read_timestamp(text).value());
  if (type.ends_with("Duration")) return Value::duration(read_duration(text).value());
  throw NotOurs{"the message " + type};
}

std::optional<Type> read_type(const json& type) {
  const std::string kind = type.begin().key();
  const json& it = type.begin().value();
  if (kind == "dyn") return Kind::dyn;
  if (kind == "null") return Kind::null;
  if (kind == "primitive") return primitive(it);
  if (kind == "wellKnown" || kind == "messageType") return well_known(it);
  if (kind == "listType") {
    const auto element = it.contains("elemType") ? read_type(it["elemType"]) : Type(Kind::dyn);
    return element ? std::optional(Type::list(*element)) : std::nullopt;
  }
  if (kind != "mapType") return std::nullopt;
  const auto key = read_type(it.at("keyType"));
  const auto value = read_type(it.at("valueType"));
  return key && value ? std::optional(Type::map(*key, *value)) : std::nullopt;
}

bool is_same(const Value& a, const Value& b) {
  if (!a.is(b.kind())) return false;
  if (a.is(Kind::float64) && std::isnan(a.as_double())) return std::isnan(b.as_double());
  if (a.is(Kind::list)) {
    if (a.list_size() != b.list_size()) return false;
    for (std::size_t i = 0; i < a.list_size(); ++i) {
      if (!is_same(a.element(i), b.element(i))) return false;
    }
    return true;
  }
  if (a.is(Kind::map)) {
    if (a.map_size() != b.map_size()) return false;
    for (std::size_t i = 0; i < a.map_size(); ++i) {
      const auto other = b.find(a.entry(i).key);
      if (!other || !is_same(a.entry(i).value, *other)) return false;
    }
    return true;
  }
  std::uint64_t steps = 1'000;
  return Equality(steps).compare(a, b).is_true();
}

std::string shown(const Value& value) {
  switch (value.kind()) {
    case Kind::failure: return fmt::format("failure ({})", to_string(value.as_failure().reason));
    case Kind::boolean: return value.as_bool() ? "true" : "false";
    case Kind::int64: return fmt::format("{}", value.as_int());
    case Kind::uint64: return fmt::format("{}u", value.as_uint());
    case Kind::float64: return fmt::format("{}", value.as_double());
    case Kind::string:
    case Kind::bytes: return fmt::format("'{}'", value.as_text());
    case Kind::type: return std::string(to_string(value.as_type()));
    case Kind::duration: return fmt::format("{}ns", value.as_duration());
    default: return fmt::format("a value of type {}", to_string(value.kind()));
  }
}

}  // namespace bulkhead::conditions
