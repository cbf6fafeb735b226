#include "conditions/inference.hpp"

#include <algorithm>
#include <utility>

namespace bulkhead::conditions {

Type Inference::fresh() {
  bound_.emplace_back();
  return Type::variable(static_cast<int>(bound_.size()) - 1);
}

Type Inference::renamed(const Type& type, Renaming& renaming) {
  if (type.kind() == Kind::variable) {
    const auto number = static_cast<std::size_t>(type.number());
    if (renaming.size() <= number) renaming.resize(number + 1);
    if (!renaming[number]) renaming[number] = fresh();
    return *renaming[number];
  }
  Type copy = type;
  for (Type& each : copy.parameters()) each = renamed(each, renaming);
  return copy;
}

bool Inference::fits(const Type& given, const Type& wanted) {
  if (wanted.kind() == Kind::variable) return bind(wanted.number(), given);
  if (given.kind() == Kind::variable) return bind(given.number(), wanted);
  if (given.kind() == Kind::dyn || wanted.kind() == Kind::dyn) return true;
  if (given.kind() != wanted.kind()) return false;
  if (given.kind() == Kind::type) return true;  // types are compared when the request comes
  for (std::size_t i = 0; i < given.parameters().size(); ++i) {
    if (!fits(given.parameters()[i], wanted.parameters()[i])) return false;
  }
  return true;
}

bool Inference::fit(const std::vector<Type>& given, const std::vector<Type>& wanted) {
  if (given.size() != wanted.size()) return false;
  const std::size_t before = changes_.size();
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (!fits(given[i], wanted[i])) {
      undo(before);
      return false;
    }
  }
  return true;
}

void Inference::set(int variable, Type type) {
  auto& known = bound_[static_cast<std::size_t>(variable)];
  changes_.push_back({variable, std::exchange(known, std::move(type))});
}

void Inference::undo(std::size_t changes) {
  while (changes_.size() > changes) {
    bound_[static_cast<std::size_t>(changes_.back().variable)] = std::move(changes_.back().before);
    changes_.pop_back();
  }
}

bool Inference::bind(int variable, const Type& type) {
  if (type.kind() == Kind::variable && type.number() == variable) return true;
  const auto& known = bound_[static_cast<std::size_t>(variable)];
  if (!known) {
    if (occurs(variable, type)) return false;
    set(variable, type);
    return true;
  }
  const Type before = *known;
  if (!fits(type, before)) return false;
  const Type general = is_more_general(type, before) ? type : before;
  if (!occurs(variable, general)) set(variable, general);
  return true;
}

bool Inference::occurs(int variable, const Type& type) const {
  if (type.kind() == Kind::variable) {
    if (type.number() == variable) return true;
    const auto& known = bound_[static_cast<std::size_t>(type.number())];
    return known && occurs(variable, *known);
  }
  return std::ranges::any_of(type.parameters(), [&](const Type& each) { return occurs(variable, each); });
}

bool Inference::is_more_general(const Type& a, const Type& b) const {
  if (a.kind() == Kind::dyn || a.kind() == Kind::variable) return true;
  if (a.kind() != b.kind()) return false;
  for (std::size_t i = 0; i < a.parameters().size() && i < b.parameters().size(); ++i) {
    if (!is_more_general(a.parameters()[i], b.parameters()[i])) return false;
  }
  return true;
}

Type Inference::joined(const Type& a, const Type& b) {
  if (!fit({b}, {a})) return Kind::dyn;
  return is_more_general(resolved(a), resolved(b)) ? a : b;
}

Type Inference::resolved(const Type& type, bool final) const {
  if (type.kind() == Kind::variable) {
    const auto& known = bound_[static_cast<std::size_t>(type.number())];
    if (known) return resolved(*known, final);
    return final ? Type(Kind::dyn) : type;
  }
  Type copy = type;
  for (Type& each : copy.parameters()) each = resolved(each, final);
  return copy;
}

}  // namespace bulkhead::conditions
