#pragma once

// Equality and order of values across kinds (cel-spec, langdef: "Equality", "Ordering").

#include <compare>
#include <optional>

#include "conditions/value.hpp"

namespace bulkhead::conditions {

// The order of two numbers of any kinds, as doubles where one is; unordered with NaN. Nothing where one is no number.
std::optional<std::partial_ordering> compare_numbers(const Value& a, const Value& b);

// The order of two numbers, or two values of the same kind that has one. Nothing where there is none.
std::optional<std::partial_ordering> compare(const Value& a, const Value& b);

// Whether a key that stands in a map is the one that is looked for: numbers by value, whatever their kinds.
bool same_key(const Value& key, const Value& wanted);

// Equality of whatever two values, counting each pair of values that it looks at.
class Equality {
 public:
  explicit Equality(std::uint64_t& steps_left) : steps_left_(steps_left) {}
  // true or false; a failure where lists and maps are nested too deeply or no steps are left. Neither is a failure.
  Value compare(const Value& a, const Value& b);

 private:
  Value same(const Value& a, const Value& b, int depth);
  Value same_lists(const Value& a, const Value& b, int depth);
  Value same_maps(const Value& a, const Value& b, int depth);

  std::uint64_t& steps_left_;
};

}  // namespace bulkhead::conditions
