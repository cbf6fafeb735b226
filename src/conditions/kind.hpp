#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace bulkhead::conditions {

// What a value is (cel-spec, langdef: "Values"). `dyn` and `variable` are kinds of types alone, `failure` of values
// alone.
enum class Kind : std::uint8_t {
  null,
  boolean,
  int64,
  uint64,
  float64,
  string,
  bytes,
  list,
  map,
  timestamp,
  duration,
  type,
  dyn,       // known only when a request comes
  variable,  // a parameter of a function's type, or an element's type that is not known yet
  failure,
};

// As the language spells it: "int", "list", "google.protobuf.Timestamp".
std::string_view to_string(Kind kind);

// The kind that an expression denotes by that name, as in `type(x) == int`; nothing where there is none.
std::optional<Kind> kind_named(std::string_view name);

}  // namespace bulkhead::conditions
