#pragma once

// A request as tests, the fuzz target and bench/conditions evaluate conditions for.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "conditions/document.hpp"
#include "conditions/environment.hpp"

namespace bulkhead::conditions::sample {

using nlohmann::json;

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
      case headers: return header_fields->value();
      case user_sub: return *user->value().find(Value::string("sub"));
      case user_claims: return *user->value().find(Value::string("claims"));
      case caller: return Value::string("checkout");
      case resource: return resources ? resources->value() : Value::failure({Reason::later});
      case now: return Value::timestamp({1'770'000'000, 500'000'000});  // 2026-02-02T02:40:00.5Z, a Monday
      case ids: return id_list->value();
      default: return {};
    }
  }

  std::string path_text = "/v2/orders/42";
  std::optional<Document> user{std::in_place, json::parse(kUser)};
  std::optional<Document> header_fields{std::in_place, json{{"content-type", "application/json"}, {"x-region", "eu"}}};
  std::optional<Document> resources{std::in_place, json{{"owner", "u-17"}, {"total", 250}}};
  std::optional<Document> id_list{std::in_place, json{1, 2, 3}};
  mutable std::array<int, 9> asked{};
};

}  // namespace bulkhead::conditions::sample
