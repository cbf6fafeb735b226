#pragma once

// A request as tests, the fuzz target and bench/conditions evaluate conditions for.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "conditions/environment.hpp"

namespace bulkhead::conditions::sample {

using nlohmann::json;

Value value_of(const json& node);

class JsonList final : public ListView {
 public:
  std::size_t size(const void* list) const override { return static_cast<const json*>(list)->size(); }
  Value at(const void* list, std::size_t index) const override {
    return value_of((*static_cast<const json*>(list))[index]);
  }
};

class JsonMap final : public MapView {
 public:
  std::size_t size(const void* map) const override { return static_cast<const json*>(map)->size(); }
  std::optional<Value> find(const void* map, const Value& key) const override {
    if (!key.is(Kind::string)) return std::nullopt;
    const auto& object = *static_cast<const json*>(map)->get_ptr<const json::object_t*>();
    const auto found = object.find(key.as_text());
    return found != object.end() ? std::optional(value_of(found->second)) : std::nullopt;
  }
  MapEntry at(const void* map, std::size_t index) const override {
    const auto& object = *static_cast<const json*>(map)->get_ptr<const json::object_t*>();
    const auto entry = std::next(object.begin(), static_cast<std::ptrdiff_t>(index));
    return {Value::string(entry->first), value_of(entry->second)};
  }
};

inline constexpr JsonList kJsonList;
inline constexpr JsonMap kJsonMap;

// A node is its own list or map: nothing of it is copied.
inline Value value_of(const json& node) {
  switch (node.type()) {
    case json::value_t::boolean: return Value::boolean(node.get<bool>());
    case json::value_t::number_integer: return Value::int64(node.get<std::int64_t>());
    case json::value_t::number_unsigned: return Value::int64(static_cast<std::int64_t>(node.get<std::uint64_t>()));
    case json::value_t::number_float: return Value::float64(node.get<double>());
    case json::value_t::string: return Value::string(*node.get_ptr<const std::string*>());
    case json::value_t::array: return Value::list(kJsonList, &node);
    case json::value_t::object: return Value::map(kJsonMap, &node);
    default: return {};
  }
}

inline const char* const kUser = R"({"sub": "u-17", "claims": {"tier": "gold", "roles": ["buyer", "staff"], "age": 34,
  "score": 1.5, "limits": {"orders": 3}, "active": true, "none": null}})";

class Request final : public Activation {
 public:
  enum : Slot { path, method, headers, user_sub, user_claims, caller, resource, now, ids };

  static Environment environment() {
    Environment environment;
    environment.declare("request.path", Kind::string);
    environment.declare("request.method", Kind::string);
    environment.declare("request.headers", Type::map(Kind::string, Kind::string));
    environment.declare("user.sub", Kind::string);
    environment.declare("user.claims", Type::map(Kind::string, Kind::dyn));
    environment.declare("caller.service", Kind::string);
    environment.declare("resource", Type::map(Kind::string, Kind::dyn));
    environment.declare("now", Kind::timestamp);
    environment.declare("ids", Type::list(Kind::int64));
    return environment;
  }

  Value value(Slot slot) const override {
    ++asked[slot];
    switch (slot) {
      case path: return Value::string(path_text);
      case method: return Value::string("GET");
      case headers: return value_of(header_fields);
      case user_sub: return value_of(user["sub"]);
      case user_claims: return value_of(user["claims"]);
      case caller: return Value::string("checkout");
      case resource: return value_of(resources);
      case now: return Value::timestamp({1'770'000'000, 500'000'000});  // 2026-02-02T02:40:00.5Z, a Monday
      case ids: return value_of(id_list);
      default: return {};
    }
  }

  std::string path_text = "/v2/orders/42";
  json user = json::parse(kUser);
  json header_fields = {{"content-type", "application/json"}, {"x-region", "eu"}};
  json resources = {{"owner", "u-17"}, {"total", 250}};
  json id_list = {1, 2, 3};
  mutable std::array<int, 9> asked{};
};

}  // namespace bulkhead::conditions::sample
