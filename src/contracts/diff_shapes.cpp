#include "contracts/diff_shapes.hpp"

#include <algorithm>
#include <optional>

#include "contracts/model.hpp"

namespace bulkhead::contracts {

namespace {

constexpr int kDeepest = 16;

// The first of the shapes' rules that says it.
template <class T, class Get>
std::optional<T> first_of(const std::vector<Index>& shapes, Get get) {
  for (const Index shape : shapes) {
    if (std::optional<T> value = get(shape)) return value;
  }
  return std::nullopt;
}

// Rules as text, so that both versions' are compared alike: "" where nothing is said.
using Texts = std::map<std::string_view, std::string>;

void put(Texts& texts, std::string_view name, const Constant& constant) {
  if (constant.set) texts.emplace(name, constant.text);
}

Texts bounds_of(const Program& program, const std::vector<Index>& shapes) {
  Texts texts;
  for (const Index each : shapes) {
    const Shape& shape = program.shapes[each];
    if (shape.number != kNone) {
      const NumberRules& rules = program.numbers[shape.number];
      put(texts, "minimum", rules.minimum);
      put(texts, "exclusiveMinimum", rules.above);
      put(texts, "maximum", rules.maximum);
      put(texts, "exclusiveMaximum", rules.below);
      put(texts, "multipleOf", rules.step);
      if (rules.format != Format::none) texts.emplace("format", to_string(rules.format));
    }
    const auto least = [&](std::string_view name, Index value) {
      if (value != 0) texts.emplace(name, std::to_string(value));
    };
    const auto most = [&](std::string_view name, Index value) {
      if (value != kNone) texts.emplace(name, std::to_string(value));
    };
    if (shape.string != kNone) {
      const StringRules& rules = program.strings[shape.string];
      least("minLength", rules.min_length);
      most("maxLength", rules.max_length);
      if (rules.format != Format::none) texts.emplace("format", to_string(rules.format));
      if (rules.pattern != kNone) texts.emplace("pattern", program.patterns[rules.pattern].expression());
    }
    if (shape.array != kNone) {
      const ArrayRules& rules = program.arrays[shape.array];
      least("minItems", rules.min_items);
      most("maxItems", rules.max_items);
      if (rules.unique) texts.emplace("uniqueItems", "1");
    }
    if (shape.object != kNone) {
      const ObjectRules& rules = program.objects[shape.object];
      least("minProperties", rules.min_members);
      most("maxProperties", rules.max_members);
    }
  }
  return texts;
}

bool is_lower_bound(std::string_view name) { return name.starts_with("min") || name == "exclusiveMinimum"; }
bool is_upper_bound(std::string_view name) { return name.starts_with("max") || name == "exclusiveMaximum"; }

std::optional<std::set<std::string>> values_of(const Program& program, const std::vector<Index>& shapes) {
  return first_of<std::set<std::string>>(shapes, [&](Index index) -> std::optional<std::set<std::string>> {
    const Shape& shape = program.shapes[index];
    std::set<std::string> values;
    if (shape.constant != kNone) values.emplace(program.literals.raw(shape.constant));
    for (Index i = shape.enumeration.begin; i != shape.enumeration.end; ++i) {
      values.emplace(program.literals.raw(program.literals_of[i]));
    }
    const bool says = shape.constant != kNone || shape.has_enumeration;
    return says ? std::optional(std::move(values)) : std::nullopt;
  });
}

std::string joined(std::string pointer, std::string_view name) {
  append_token(pointer, name);
  return pointer;
}

}  // namespace

void ShapeDiff::add(const Program& program, Index index, View& view, int depth) const {
  if (index == kNone || depth > kDeepest) return;
  const Shape& shape = program.shapes[index];
  view.shapes.push_back(index);
  if (shape.object != kNone) {
    const ObjectRules& rules = program.objects[shape.object];
    for (Index i = rules.properties.begin; i != rules.properties.end; ++i) {
      const Property& property = program.properties[i];
      MemberView& member = view.members[property.name];
      const bool hidden = (property.read_only && direction_ == Direction::request) ||
                          (property.write_only && direction_ == Direction::response);
      if (property.shape != kNone && !hidden) member.shape = property.shape;
      member.required = member.required || property.required[static_cast<std::size_t>(direction_)];
    }
    for (const Index rest : {rules.additional, rules.unevaluated}) {
      if (rest != kNone && program.shapes[rest].never) view.open = false;
    }
  }
  if (shape.logic == kNone) return;
  const LogicRules& logic = program.logic[shape.logic];
  add(program, logic.reference, view, depth + 1);
  for (Index i = logic.all_of.begin; i != logic.all_of.end; ++i) add(program, program.shapes_of[i], view, depth + 1);
}

ShapeDiff::View ShapeDiff::view(const Program& program, Index shape) const {
  View view;
  add(program, shape, view, 0);
  std::erase_if(view.members, [](const auto& each) { return each.second.shape == kNone && !each.second.required; });
  return view;
}

void ShapeDiff::compare(Index before, Index after) {
  add_pair(before, after, "");
  while (!pairs_.empty()) {
    const Pair next = std::move(pairs_.front());
    pairs_.pop_front();
    compare(next);
  }
}

void ShapeDiff::compare(const Pair& pair) {
  const auto& [before, after, pointer] = pair;
  if (before == kNone && after == kNone) return;
  if (before == kNone) return say(Kind::narrower, pointer, "has a schema now");
  if (after == kNone) return say(Kind::wider, pointer, "has no schema any more");
  if (!seen_.emplace(before, after).second) return;
  const std::uint8_t old_types = types_of(before_, before);
  const std::uint8_t new_types = types_of(after_, after);
  const bool fewer = (old_types & ~new_types) != 0;
  const bool more = (new_types & ~old_types) != 0;
  if (fewer || more)
    say(fewer && more ? Kind::both : fewer ? Kind::narrower : Kind::wider, pointer, "has another type");
  const View old_view = view(before_, before);
  const View new_view = view(after_, after);
  compare_rules(old_view, new_view, pointer);
  compare_members(old_view, new_view, pointer);
  compare_forms(old_view, new_view, pointer);
  const Index old_items = items_of(before_, before);
  const Index new_items = items_of(after_, after);
  if (old_items != kNone || new_items != kNone) add_pair(old_items, new_items, joined(pointer, "*"));
}

void ShapeDiff::compare_members(const View& before, const View& after, const std::string& pointer) {
  for (const auto& [name, old_member] : before.members) {
    const std::string at = joined(pointer, name);
    const auto found = after.members.find(name);
    const bool gone = found == after.members.end() || found->second.shape == kNone;
    if (old_member.shape != kNone && gone) {
      // Callers that send it are refused where members have to be declared; callers that read it miss it in any case.
      const bool refused = direction_ == Direction::response || !after.open;
      say(refused ? Kind::both : Kind::wider, at, "is gone");
    } else if (old_member.shape != kNone) {
      add_pair(old_member.shape, found->second.shape, at);
    }
    const bool required = found != after.members.end() && found->second.required;
    if (required && !old_member.required) say(Kind::narrower, at, "is required now");
    if (!required && old_member.required && !gone) say(Kind::wider, at, "is not required any more");
  }
  for (const auto& [name, new_member] : after.members) {
    if (before.members.contains(name)) continue;
    say(new_member.required                ? Kind::narrower
        : direction_ == Direction::request ? Kind::wider
                                           : Kind::narrower,
        joined(pointer, name), new_member.required ? "is new, and required" : "is new");
  }
  if (before.open && !after.open) say(Kind::narrower, pointer, "allows no undeclared members any more");
  if (!before.open && after.open && direction_ == Direction::request)
    say(Kind::wider, pointer, "allows undeclared members now");
}

void ShapeDiff::compare_rules(const View& before, const View& after, const std::string& pointer) {
  const auto old_values = values_of(before_, before.shapes);
  const auto new_values = values_of(after_, after.shapes);
  if (old_values != new_values) {
    const bool fewer = new_values && (!old_values || !std::ranges::includes(*new_values, *old_values));
    const bool more = old_values && (!new_values || !std::ranges::includes(*old_values, *new_values));
    say(fewer && more ? Kind::both : fewer ? Kind::narrower : Kind::wider, pointer, "has other allowed values");
  }
  const Texts old_bounds = bounds_of(before_, before.shapes);
  const Texts new_bounds = bounds_of(after_, after.shapes);
  std::set<std::string_view> names;
  for (const auto& [name, text] : old_bounds) names.insert(name);
  for (const auto& [name, text] : new_bounds) names.insert(name);
  for (const std::string_view name : names) {
    const auto was = old_bounds.find(name);
    const auto is = new_bounds.find(name);
    if (was == old_bounds.end()) {
      say(Kind::narrower, pointer, fmt::format("has '{}' now", name));
    } else if (is == new_bounds.end()) {
      say(Kind::wider, pointer, fmt::format("has no '{}' any more", name));
    } else if (was->second != is->second) {
      const bool ordered = is_lower_bound(name) || is_upper_bound(name);
      const auto order = ordered ? Decimal(is->second) <=> Decimal(was->second) : std::strong_ordering::equal;
      if (ordered && order == 0) continue;
      const Kind kind = !ordered ? Kind::both : is_lower_bound(name) == (order > 0) ? Kind::narrower : Kind::wider;
      say(kind, pointer, fmt::format("has another '{}'", name));
    }
  }
}

void ShapeDiff::compare_forms(const View& before, const View& after, const std::string& pointer) {
  const auto forms = [](const Program& program, const View& view, Range LogicRules::* list) {
    std::vector<Index> all;
    for (const Index shape : view.shapes) {
      if (program.shapes[shape].logic == kNone) continue;
      const Range range = program.logic[program.shapes[shape].logic].*list;
      for (Index i = range.begin; i != range.end; ++i) all.push_back(program.shapes_of[i]);
    }
    return all;
  };
  for (const auto list : {&LogicRules::any_of, &LogicRules::one_of}) {
    const auto old_forms = forms(before_, before, list);
    const auto new_forms = forms(after_, after, list);
    for (std::size_t i = 0; i < std::min(old_forms.size(), new_forms.size()); ++i)
      add_pair(old_forms[i], new_forms[i], pointer);
    if (old_forms.size() == new_forms.size()) continue;
    const bool fewer = new_forms.empty() ? false : old_forms.empty() || new_forms.size() < old_forms.size();
    say(fewer ? Kind::narrower : Kind::wider, pointer,
        fmt::format("has {} forms, not {}", new_forms.size(), old_forms.size()));
  }
}

}  // namespace bulkhead::contracts
