#include "contracts/sensitive.hpp"

#include <algorithm>
#include <utility>

namespace bulkhead::contracts {

namespace {

using Shapes = std::vector<Index>;

// `shapes` and all that they apply to the same value, each once. A branch that does not hold counts as well: the value
// may have been meant for it.
Shapes with_parts(const Program& program, Shapes shapes) {
  std::vector<bool> known(program.shapes.size());
  Shapes all;
  while (!shapes.empty()) {
    const Index next = shapes.back();
    shapes.pop_back();
    if (known[next]) continue;
    known[next] = true;
    all.push_back(next);
    in_place(program, program.shapes[next], shapes);
  }
  return all;
}

bool any_sensitive(const Program& program, const Shapes& shapes) {
  return std::ranges::any_of(shapes, [&](Index each) { return program.shapes[each].sensitive; });
}

// The way from a body's root to a place in it.
class Way {
 public:
  Way(const Model& model, const Json& body, Index shape)
      : model_(model), program_(*model.program), body_(body), shapes_(with_parts(program_, {shape})) {}

  // The last value on the way to `to` that may be named; `to` itself, or the value of that name, where all may.
  Index run(Index to) {
    bool goes_on = true;
    while (goes_on && place_ < to && !any_sensitive(program_, shapes_)) {
      goes_on = body_[place_].kind == Kind::object ? enter_member(to) : enter_item(to);
    }
    return place_;
  }

 private:
  bool enter_item(Index to) {
    Index item = place_ + 1;
    Index number = 0;
    for (; body_[item].next <= to; item = body_[item].next) ++number;
    Shapes below;
    for (const Index each : shapes_) {
      if (program_.shapes[each].array != kNone) add_item(program_.arrays[program_.shapes[each].array], number, below);
    }
    place_ = item;
    shapes_ = with_parts(program_, std::move(below));
    return true;
  }

  void add_item(const ArrayRules& rules, Index number, Shapes& below) const {
    const bool in_prefix = number < rules.prefix.size();
    for (const Index index : {in_prefix ? program_.shapes_of[rules.prefix.begin + number] : rules.items, rules.contains,
                              rules.unevaluated}) {
      if (index != kNone) below.push_back(index);
    }
  }

  bool enter_member(Index to) {
    Index name = place_ + 1;
    while (body_[name + 1].next <= to) name = body_[name + 1].next;
    Shapes below;
    bool declared = false;
    bool secret_name = false;
    for (const Index each : shapes_) {
      if (program_.shapes[each].object == kNone) continue;
      const ObjectRules& rules = program_.objects[program_.shapes[each].object];
      declared = add_member(rules, name, below) || declared;
      secret_name = secret_name || (rules.names != kNone && program_.shapes[rules.names].sensitive);
    }
    shapes_ = with_parts(program_, std::move(below));
    if (!declared && (secret_name || any_sensitive(program_, shapes_))) return false;
    place_ = name + 1;
    return !model_.sensitive.contains(body_.text(name));
  }

  // True where the contract itself gives the name.
  bool add_member(const ObjectRules& rules, Index name, Shapes& below) const {
    const Index found = program_.find(rules, body_.text(name), body_[name].hash);
    bool described = found != kNone && program_.properties[found].shape != kNone;
    if (described) below.push_back(program_.properties[found].shape);
    for (Index i = rules.patterns.begin; i != rules.patterns.end; ++i) {
      const PatternProperty& each = program_.patterns_of[i];
      if (!program_.patterns[each.pattern].is_found_in(body_.text(name))) continue;
      described = true;
      below.push_back(each.shape);
    }
    for (const Index index : {rules.additional, rules.unevaluated}) {
      if (!described && index != kNone) below.push_back(index);
    }
    return found != kNone;
  }

  const Model& model_;
  const Program& program_;
  const Json& body_;
  Shapes shapes_;  // that apply to the place
  Index place_ = 0;
};

}  // namespace

bool has_sensitive(const Program& program, Index shape) {
  std::vector<bool> known(program.shapes.size());
  Shapes open{shape};
  while (!open.empty()) {
    const Index next = open.back();
    open.pop_back();
    if (program.shapes[next].sensitive) return true;
    if (known[next]) continue;
    known[next] = true;
    in_place(program, program.shapes[next], open);
    of_parts(program, program.shapes[next], open);
  }
  return false;
}

std::optional<Failure> check_discreetly(const Model& model, Evaluator& evaluator, Index shape, const Json& body,
                                        Direction direction) {
  auto failure = evaluator.check(*model.program, shape, body, 0, direction);
  if (!failure) return std::nullopt;
  const Index shown = Way(model, body, shape).run(failure->at);
  if (shown < failure->at) tell_no_more_than(body.pointer(shown), *failure);
  return failure;
}

std::string undeclared_place(const Model& model, Index shape, const Json& body, Index name) {
  const Index shown = Way(model, body, shape).run(name);
  return shown < name ? body.pointer(shown) + "/*" : body.pointer(name);
}

void tell_no_more_than(std::string pointer, Failure& failure) {
  failure.pointer = std::move(pointer);
  failure.message = "has something in it that " + failure.message;
}

}  // namespace bulkhead::contracts
