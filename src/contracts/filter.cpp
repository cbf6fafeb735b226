#include "contracts/filter.hpp"

namespace bulkhead::contracts {

Filter::Filter(const Program& program, const Json& body, Evaluator& evaluator, std::vector<std::uint8_t>& kept)
    : program_(program), body_(body), evaluator_(evaluator), marks_(kept) {}

bool Filter::run(Index shape) {
  marks_.assign(body_.size(), 0);
  evaluator_.begin(program_, body_, Direction::response);
  declare(shape, 0);
  if (exhausted_ || evaluator_.is_exhausted()) return false;
  touch(0);
  return true;
}

void Filter::declare(Index index, Index at) {
  if (++steps_ > kMostSteps || depth_ >= kDeepestSteps) exhausted_ = true;
  if (exhausted_) return;
  const Shape& shape = program_.shapes[index];
  ++depth_;
  const Kind kind = body_[at].kind;
  if (kind == Kind::array && shape.array != kNone) declare_items(program_.arrays[shape.array], at);
  if (kind == Kind::object && shape.object != kNone) declare_members(program_.objects[shape.object], at);
  const bool has_parts = kind == Kind::array || kind == Kind::object;
  if (has_parts && shape.logic != kNone) declare_logic(program_.logic[shape.logic], at);
  --depth_;
}

void Filter::declare_items(const ArrayRules& rules, Index at) {
  Index child = 0;
  for (Index item = at + 1; item != body_[at].next; item = body_[item].next, ++child) {
    if (child < rules.prefix.size()) {
      declare(program_.shapes_of[rules.prefix.begin + child], item);
    } else if (rules.items != kNone) {
      declare(rules.items, item);
    } else if (rules.unevaluated != kNone) {
      declare(rules.unevaluated, item);
    }
    if (rules.contains != kNone && evaluator_.is_valid(rules.contains, item)) declare(rules.contains, item);
  }
}

void Filter::declare_members(const ObjectRules& rules, Index at) {
  bool names_any = !rules.patterns.empty() || rules.additional != kNone || rules.unevaluated != kNone;
  for (Index i = rules.properties.begin; i != rules.properties.end && !names_any; ++i) {
    names_any = program_.properties[i].shape != kNone;
  }
  if (names_any) marks_[at] |= kDescribed;
  const auto keep = [&](Index shape, Index name) {
    marks_[name] |= kKept;
    declare(shape, name + 1);
  };
  for (Index name = at + 1; name != body_[at].next; name = body_[name + 1].next) {
    bool known = false;
    const Index found = program_.find(rules, body_.text(name), body_[name].hash);
    if (found != kNone && program_.properties[found].shape != kNone) {
      known = true;
      if (!program_.properties[found].write_only) keep(program_.properties[found].shape, name);
    }
    for (Index i = rules.patterns.begin; i != rules.patterns.end; ++i) {
      const PatternProperty& pattern = program_.patterns_of[i];
      if (!program_.patterns[pattern.pattern].is_found_in(body_.text(name))) continue;
      known = true;
      keep(pattern.shape, name);
    }
    for (const Index rest : {rules.additional, rules.unevaluated}) {
      if (!known && rest != kNone && !program_.shapes[rest].never) keep(rest, name);
    }
  }
  for (Index i = rules.dependencies.begin; i != rules.dependencies.end; ++i) {
    const Dependency& dependency = program_.dependencies[i];
    if (dependency.shape != kNone && body_.member(at, dependency.name)) declare(dependency.shape, at);
  }
}

void Filter::declare_logic(const LogicRules& rules, Index at) {
  if (rules.reference != kNone) declare(rules.reference, at);
  for (Index i = rules.all_of.begin; i != rules.all_of.end; ++i) declare(program_.shapes_of[i], at);
  declare_branches(rules.any_of, at);
  declare_branches(rules.one_of, at);
  if (rules.condition == kNone) return;
  const bool holds = evaluator_.is_valid(rules.condition, at);
  if (holds) declare(rules.condition, at);
  const Index next = holds ? rules.then : rules.otherwise;
  if (next != kNone) declare(next, at);
}

void Filter::declare_branches(Range range, Index at) {
  bool any = false;
  for (Index i = range.begin; i != range.end; ++i) {
    if (!evaluator_.is_valid(program_.shapes_of[i], at)) continue;
    any = true;
    declare(program_.shapes_of[i], at);
  }
  for (Index i = range.begin; i != range.end && !any; ++i) declare(program_.shapes_of[i], at);
}

// Marks every value that something is dropped from.
bool Filter::touch(Index at) {
  const Kind kind = body_[at].kind;
  if (kind != Kind::array && kind != Kind::object) return false;
  bool touched = false;
  for (Index next = at + 1; next != body_[at].next;) {
    const Index name = next;
    const Index value = kind == Kind::object ? name + 1 : name;
    next = body_[value].next;
    const bool drops = kind == Kind::object && is_dropped(at, name);
    if (drops || touch(value)) touched = true;
  }
  if (touched) marks_[at] |= kTouched;
  return touched;
}

std::vector<Index> Filter::dropped() const {
  std::vector<Index> names;
  find_dropped(0, names);
  return names;
}

void Filter::find_dropped(Index at, std::vector<Index>& names) const {
  if ((marks_[at] & kTouched) == 0) return;
  const bool object = body_[at].kind == Kind::object;
  for (Index next = at + 1; next != body_[at].next;) {
    const Index name = next;
    const Index value = object ? name + 1 : name;
    next = body_[value].next;
    if (object && is_dropped(at, name)) {
      names.push_back(name);
    } else {
      find_dropped(value, names);
    }
  }
}

void Filter::write(std::string& out) const { write(0, out); }

void Filter::write(Index at, std::string& out) const {
  if ((marks_[at] & kTouched) == 0) {
    out += body_.raw(at);
    return;
  }
  const bool object = body_[at].kind == Kind::object;
  bool first = true;
  out.push_back(object ? '{' : '[');
  for (Index next = at + 1; next != body_[at].next;) {
    const Index name = next;
    const Index value = object ? name + 1 : name;
    next = body_[value].next;
    if (object && is_dropped(at, name)) continue;
    if (!first) out.push_back(',');
    first = false;
    if (object) out.append(body_.raw(name)).push_back(':');
    write(value, out);
  }
  out.push_back(object ? '}' : ']');
}

}  // namespace bulkhead::contracts
