#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "conditions/type.hpp"

namespace bulkhead::conditions {

// Operators and functions of the language (cel-spec, langdef: "List of Standard Definitions"; cel-go's ext/strings for
// those of texts).
enum class Function : std::uint8_t {
  logical_or,
  logical_and,
  logical_not,
  conditional,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  add,
  subtract,
  multiply,
  divide,
  modulo,
  negate,
  index,
  in,
  size,
  contains,
  starts_with,
  ends_with,
  matches,
  to_int,
  to_uint,
  to_double,
  to_string,
  to_bytes,
  to_bool,
  to_timestamp,
  to_duration,
  to_dyn,
  type_of,
  get_full_year,
  get_month,
  get_date,
  get_day_of_month,
  get_day_of_week,
  get_day_of_year,
  get_hours,
  get_minutes,
  get_seconds,
  get_milliseconds,
  char_at,
  index_of,
  last_index_of,
  lower_ascii,
  upper_ascii,
  replace,
  split,
  substring,
  trim,
  join,
};

// One way to call a function. Type variables are A and B.
struct Overload {
  Function function;
  std::string_view name;
  bool member;  // parameter 0 stands in front of it
  std::vector<Type> parameters;
  Type result;
};

// All of them; those of one name stand together.
const std::vector<Overload>& overloads();

// As an expression spells an operator: "+" for "_+_"; other names as they are.
std::string_view spelled(std::string_view name);

}  // namespace bulkhead::conditions
