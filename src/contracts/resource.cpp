// Values that the contract points out in a request, for conditions.

#include <algorithm>

#include "contracts/checker.hpp"
#include "contracts/uri.hpp"

namespace bulkhead::contracts {

namespace {

// A parameter's text by the types that its schema allows.
Attribute typed(const Program& program, const Parameter& parameter, std::string_view text) {
  const std::uint8_t types = types_of(program, parameter.shape);
  if (types != kAnyType && (types & (kInteger | kFraction)) != 0 && is_number(text)) return {Kind::number, false, text};
  if (types != kAnyType && (types & kBoolean) != 0 && (text == "true" || text == "false")) {
    return {Kind::boolean, text == "true", text};
  }
  return {Kind::string, false, text};
}

}  // namespace

std::optional<Attribute> Contract::resource(const Admission& admission, const Request& request, std::string_view name,
                                            Checker& checker) const {
  auto& memory = *checker.memory_;
  const Operation& operation = *admission.operation;
  const auto found = std::ranges::find(operation.resources, name, &ResourceRules::name);
  if (found == operation.resources.end()) return std::nullopt;
  if (found->where == Where::body) {
    if (admission.plan != BodyPlan::buffer || memory.body.size() == 0) return std::nullopt;
    const auto at = memory.body.find(found->from);
    if (!at) return std::nullopt;
    const Value& value = memory.body[*at];
    if (value.kind == Kind::array || value.kind == Kind::object) return std::nullopt;
    return Attribute{value.kind, value.truth,
                     value.kind == Kind::string ? memory.body.text(*at) : memory.body.raw(*at)};
  }
  const auto parameter = std::ranges::find_if(operation.parameters, [&](const Parameter& each) {
    return each.where == found->where && each.name == found->from;
  });
  std::optional<std::string_view> text;
  if (found->where == Where::path) {
    const auto place = std::ranges::find(operation.templates, found->from) - operation.templates.begin();
    text = memory.path.values[static_cast<std::size_t>(place)];
  } else if (found->where == Where::header) {
    text = header_value(request, found->from, memory.attribute);
  } else {
    const auto pair = std::ranges::find(memory.query, found->from, &Pair::name);
    if (pair != memory.query.end() && decode_percent(pair->value, true, memory.attribute)) text = memory.attribute;
  }
  if (!text) return std::nullopt;
  return typed(*model_->program, *parameter, *text);
}

std::vector<std::string_view> Contract::resources(const Operation& operation) {
  std::vector<std::string_view> names;
  for (const ResourceRules& each : operation.resources) names.emplace_back(each.name);
  return names;
}

std::vector<std::string_view> Contract::resources() const {
  std::vector<std::string_view> all;
  for (const Operation& operation : model_->operations)
    for (const std::string_view name : resources(operation))
      if (std::ranges::find(all, name) == all.end()) all.push_back(name);
  return all;
}

}  // namespace bulkhead::contracts
