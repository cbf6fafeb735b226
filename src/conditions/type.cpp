#include "conditions/type.hpp"

#include <fmt/format.h>

namespace bulkhead::conditions {

namespace {

std::string with_parameters(std::string_view name, const std::vector<Type>& parameters) {
  if (parameters.empty()) return std::string(name);
  std::string inner;
  for (const Type& each : parameters) inner += (inner.empty() ? "" : ", ") + to_string(each);
  return fmt::format("{}({})", name, inner);
}

}  // namespace

std::string to_string(const Type& type) {
  switch (type.kind()) {
    case Kind::null: return "null";
    case Kind::timestamp: return "timestamp";
    case Kind::duration: return "duration";
    case Kind::variable: return std::string(1, static_cast<char>('A' + type.number() % 26));
    default: return with_parameters(to_string(type.kind()), type.parameters());
  }
}

}  // namespace bulkhead::conditions
