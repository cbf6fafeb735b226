#include "conditions/kind.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace bulkhead::conditions {

namespace {

struct Named {
  std::string_view name;
  Kind kind;
};

constexpr std::array<Named, 12> kDenoted = {{
    {"null_type", Kind::null},
    {"bool", Kind::boolean},
    {"int", Kind::int64},
    {"uint", Kind::uint64},
    {"double", Kind::float64},
    {"string", Kind::string},
    {"bytes", Kind::bytes},
    {"list", Kind::list},
    {"map", Kind::map},
    {"google.protobuf.Timestamp", Kind::timestamp},
    {"google.protobuf.Duration", Kind::duration},
    {"type", Kind::type},
}};

}  // namespace

std::string_view to_string(Kind kind) {
  const auto* found = std::ranges::find(kDenoted, kind, &Named::kind);
  return found != kDenoted.end() ? found->name : "dyn";
}

std::optional<Kind> kind_named(std::string_view name) {
  const auto* found = std::ranges::find(kDenoted, name, &Named::name);
  return found != kDenoted.end() ? std::optional(found->kind) : std::nullopt;
}

}  // namespace bulkhead::conditions
