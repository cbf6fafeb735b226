#pragma once

// The cases of cel-spec (tests/suites/cel), as our types and values.

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "conditions/arrays.hpp"
#include "conditions/environment.hpp"

namespace bulkhead::conditions {

// Thrown where a case has a value that is not ours; it says which.
struct NotOurs {
  std::string what;
};

// Values made of a case's JSON; they live as long as this does.
class SpecValues {
 public:
  Value read(const nlohmann::json& value);

 private:
  Value read_list(const nlohmann::json& values);
  Value read_map(const nlohmann::json& entries);
  Value read_object(const nlohmann::json& object);
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }

  std::deque<std::string> texts_;
  std::deque<std::vector<Value>> lists_;
  std::deque<std::vector<MapEntry>> maps_;
  std::deque<Elements> elements_;
  std::deque<Entries> entries_;
};

// Nothing for what is not ours: messages, enums, optional types.
std::optional<Type> read_type(const nlohmann::json& type);

// Equal, with equal kinds throughout; NaN equals itself.
bool is_same(const Value& a, const Value& b);

std::string shown(const Value& value);

}  // namespace bulkhead::conditions
