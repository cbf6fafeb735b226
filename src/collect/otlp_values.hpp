#pragma once

// What the signals of OTLP share: attributes and their values (common/v1), in protobuf and in JSON. Internal to this
// folder. Pure; bounded in depth, number and length.

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "collect/protobuf.hpp"

namespace bulkhead::collect {

inline constexpr int kMostNesting = 16;
inline constexpr std::size_t kMostAttributes = 128;  // of one span, event or data point
inline constexpr std::size_t kMostText = 4096;       // of one value; what is longer is cut

std::string cut(std::string_view text);
std::string json_text(const nlohmann::json& value);

// An AnyValue. What is malformed somewhere inside shows in `bad`.
nlohmann::json any_value(std::string_view message, int depth, bool& bad);
// A KeyValue, into a JSON object.
void add_attribute(std::string_view message, nlohmann::json& attributes, bool& bad);

// Null where there is none.
const nlohmann::json& member(const nlohmann::json& value, const char* name);
std::string text_in(const nlohmann::json& value, const char* name);
// 64-bit integers are strings in protobuf's JSON, and numbers are taken too.
std::uint64_t number_in(const nlohmann::json& value, const char* name);
nlohmann::json plain_value(const nlohmann::json& value, int depth);
nlohmann::json plain_attributes(const nlohmann::json& list);

// Resource…[] (1) → Scope…[] (2) → items (2); a scope's name is (1).name (1). `add` gets an item and its scope's name,
// and says whether it wants more. False: it is malformed.
template <class Add>
bool walk(std::string_view message, const Add& add) {
  ProtobufReader resources(message);
  while (resources.next()) {
    if (resources.field() != 1) continue;
    ProtobufReader scopes(resources.bytes());
    while (scopes.next()) {
      if (scopes.field() != 2) continue;
      std::string name;
      ProtobufReader scope(scopes.bytes());
      while (scope.next()) {
        if (scope.field() == 1) {
          ProtobufReader named(scope.bytes());
          while (named.next())
            if (named.field() == 1) name = cut(named.bytes());
        }
        if (scope.field() == 2 && !add(scope.bytes(), name)) return true;
      }
      if (scope.malformed()) return false;
    }
    if (scopes.malformed()) return false;
  }
  return !resources.malformed();
}

}  // namespace bulkhead::collect
