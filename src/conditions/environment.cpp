#include "conditions/environment.hpp"

#include <algorithm>
#include <cassert>

namespace bulkhead::conditions {

Slot Environment::declare(std::string name, Type type) {
  assert(!name.empty() && find(name) == variables_.size());
  variables_.push_back({std::move(name), std::move(type)});
  return static_cast<Slot>(variables_.size() - 1);
}

Slot Environment::find(std::string_view name) const {
  return static_cast<Slot>(std::ranges::find(variables_, name, &Variable::name) - variables_.begin());
}

}  // namespace bulkhead::conditions
