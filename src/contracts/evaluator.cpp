#include "contracts/evaluator.hpp"

#include <algorithm>
#include <array>

namespace bulkhead::contracts {

std::optional<Failure> Evaluator::check(const Program& program, Index shape, const Json& body, Index at,
                                        Direction direction) {
  begin(program, body, direction);
  const bool valid = evaluate(shape, at, kNone);
  if (exhausted_ && !failure_) record(shape, at, "", "is too costly to check");
  if (valid && !exhausted_) return std::nullopt;
  return std::move(failure_);
}

void Evaluator::begin(const Program& program, const Json& body, Direction direction) {
  program_ = &program;
  body_ = &body;
  direction_ = direction;
  steps_ = 0;
  depth_ = 0;
  quiet_ = 0;
  exhausted_ = false;
  failure_.reset();
  bits_.clear();
  scope_.clear();
}

bool Evaluator::is_valid(Index shape, Index at) {
  ++quiet_;
  const bool valid = evaluate(shape, at, kNone);
  --quiet_;
  return valid && !exhausted_;
}

void Evaluator::record(Index shape, Index at, std::string_view keyword, std::string message) {
  std::string rule = program_->pointers[program_->shapes[shape].pointer];
  if (!keyword.empty()) append_token(rule, keyword);
  failure_ = Failure{body_->pointer(at), std::move(rule), std::string(keyword), std::move(message), at};
}

bool Evaluator::exhaust(Index shape, Index at) {
  exhausted_ = true;
  quiet_ = 0;
  return fail(shape, at, "", "is too costly to check");
}

bool Evaluator::evaluate(Index index, Index at, Index seen) {
  const Shape& shape = program_->shapes[index];
  if (++steps_ > kMostSteps || exhausted_) return exhaust(index, at);
  if (shape.never) return fail(index, at, "", "is not allowed");
  if (!has_type(shape, at)) return fail(index, at, "type", "is not of the right type");
  if (shape.simple) return true;
  if (shape.scalar) return scalar(index, at);
  if (depth_ >= kDeepestSteps) return exhaust(index, at);
  ++depth_;
  const bool enters = program_->dynamic && (scope_.empty() || scope_.back() != shape.resource);
  if (enters) scope_.push_back(shape.resource);
  const bool valid = rules(index, at, seen);
  if (enters) scope_.pop_back();
  --depth_;
  return valid;
}

bool Evaluator::scalar(Index index, Index at) {
  const Shape& shape = program_->shapes[index];
  const Kind kind = (*body_)[at].kind;
  if (kind == Kind::string) return shape.string == kNone || string(index, at);
  return kind != Kind::number || shape.number == kNone || number(index, at);
}

bool Evaluator::rules(Index index, Index at, Index seen) {
  const Shape& shape = program_->shapes[index];
  if (!literals(index, at)) return false;
  // What this schema's own unevaluated* may look at is what is within it; to whoever is around it that is added.
  const Index mine = shape.unevaluated ? open_seen(at) : seen;
  bool valid = true;
  switch ((*body_)[at].kind) {
    case Kind::number: valid = shape.number == kNone || number(index, at); break;
    case Kind::string: valid = shape.string == kNone || string(index, at); break;
    case Kind::array: valid = shape.array == kNone || array(index, at, mine); break;
    case Kind::object: valid = shape.object == kNone || object(index, at, mine); break;
    case Kind::null:
    case Kind::boolean: break;
  }
  valid = valid && (shape.logic == kNone || logic(index, at, mine));
  if (!shape.unevaluated) return valid;
  valid = valid && unevaluated(index, at, mine);
  close_seen(mine, valid ? seen : kNone);
  return valid;
}

bool Evaluator::has_type(const Shape& shape, Index at) const {
  constexpr std::array<std::uint8_t, 6> kBits{kNull, kBoolean, kInteger | kFraction, kString, kArray, kObject};
  const Value& value = (*body_)[at];
  const auto bits = static_cast<std::uint8_t>(shape.types & kBits[static_cast<std::size_t>(value.kind)]);
  if (value.kind != Kind::number || bits == 0 || bits == (kInteger | kFraction)) return bits != 0;
  const bool integer = value.plain || Decimal(body_->raw(at)).is_integer();
  return bits == (integer ? kInteger : kFraction);
}

bool Evaluator::literals(Index index, Index at) {
  const Shape& shape = program_->shapes[index];
  if (shape.constant == kNone && !shape.has_enumeration) return true;
  const bool string = (*body_)[at].kind == Kind::string;
  const auto is = [&](Index literal) {
    if (!string) return equality_.compare(*body_, at, program_->literals, literal) == 0;
    return program_->literals[literal].kind == Kind::string &&
           same_text(body_->text(at), program_->literals.text(literal));
  };
  if (shape.constant != kNone && !is(shape.constant)) return fail(index, at, "const", "is not the one allowed value");
  if (!shape.has_enumeration) return true;
  steps_ += shape.enumeration.size() / 8;
  const auto begin = program_->literals_of.begin();
  const bool listed = std::any_of(begin + shape.enumeration.begin, begin + shape.enumeration.end, is);
  return listed || fail(index, at, "enum", "is none of the {} allowed values", shape.enumeration.size());
}

bool Evaluator::logic(Index index, Index at, Index seen) {
  const LogicRules& rules = program_->logic[program_->shapes[index].logic];
  if (rules.reference != kNone) {
    const Index target = rules.dynamic_name == kNone ? rules.reference : dynamic_target(rules);
    if (!evaluate(target, at, seen)) return false;
  }
  for (Index i = rules.all_of.begin; i != rules.all_of.end; ++i) {
    if (!evaluate(program_->shapes_of[i], at, seen)) return false;
  }
  if (!rules.any_of.empty() && !any_of(rules, at, seen)) {
    return fail(index, at, "anyOf", "is like none of the {} allowed forms", rules.any_of.size());
  }
  if (!rules.one_of.empty()) {
    const int matching = one_of(rules, at, seen);
    if (matching == 0) return fail(index, at, "oneOf", "is like none of the {} allowed forms", rules.one_of.size());
    if (matching > 1) return fail(index, at, "oneOf", "is like more than one of the {} forms", rules.one_of.size());
  }
  if (rules.negated != kNone && branch(rules.negated, at, kNone))
    return fail(index, at, "not", "is of a forbidden form");
  if (rules.condition == kNone) return true;
  const Index next = branch(rules.condition, at, seen) ? rules.then : rules.otherwise;
  return next == kNone || evaluate(next, at, seen);
}

Index Evaluator::dynamic_target(const LogicRules& rules) const {
  for (const Index resource : scope_) {
    for (const DynamicAnchor& anchor : program_->dynamic_anchors) {
      if (anchor.resource == resource && anchor.name == rules.dynamic_name) return anchor.shape;
    }
  }
  return rules.reference;
}

// What a schema that does not hold has evaluated does not count.
bool Evaluator::branch(Index shape, Index at, Index seen) {
  const Index mine = seen == kNone ? kNone : open_seen(at);
  ++quiet_;
  const bool valid = evaluate(shape, at, mine);
  if (quiet_ > 0) --quiet_;
  if (mine != kNone) close_seen(mine, valid ? seen : kNone);
  return valid;
}

bool Evaluator::any_of(const LogicRules& rules, Index at, Index seen) {
  bool any = false;
  for (Index i = rules.any_of.begin; i != rules.any_of.end && !(any && seen == kNone); ++i) {
    any = branch(program_->shapes_of[i], at, seen) || any;
  }
  return any;
}

// How many hold; no further than two.
int Evaluator::one_of(const LogicRules& rules, Index at, Index seen) {
  int matching = 0;
  for (Index i = rules.one_of.begin; i != rules.one_of.end && matching < 2; ++i) {
    matching += branch(program_->shapes_of[i], at, seen) ? 1 : 0;
  }
  return matching;
}

Index Evaluator::open_seen(Index at) {
  const auto set = static_cast<Index>(bits_.size());
  const std::size_t words = (*body_)[at].count / 64 + 1;
  bits_.resize(bits_.size() + words, 0);
  steps_ += words / 16;
  return set;
}

// Sets are closed in the reverse order of their opening. `into` is a set of the same value.
void Evaluator::close_seen(Index set, Index into) {
  if (into != kNone) {
    for (std::size_t i = 0; set + i < bits_.size(); ++i) bits_[into + i] |= bits_[set + i];
  }
  bits_.resize(set);
}

void Evaluator::mark_all(Index set, Index at) {
  if (set == kNone) return;
  std::fill_n(bits_.begin() + set, (*body_)[at].count / 64 + 1, ~std::uint64_t{0});
}

bool Evaluator::unevaluated(Index index, Index at, Index seen) {
  const Shape& shape = program_->shapes[index];
  const Value& value = (*body_)[at];
  const bool object = value.kind == Kind::object;
  if (!object && value.kind != Kind::array) return true;
  const Index rules = object ? shape.object : shape.array;
  const Index rest = rules == kNone ? kNone
                     : object       ? program_->objects[rules].unevaluated
                                    : program_->arrays[rules].unevaluated;
  if (rest == kNone) return true;
  Index child = 0;
  for (Index next = at + 1; next != value.next; ++child) {
    const Index item = object ? next + 1 : next;
    next = (*body_)[item].next;
    if (is_marked(seen, child)) continue;
    if (program_->shapes[rest].never) {
      return fail(index, item, object ? "unevaluatedProperties" : "unevaluatedItems", "is not declared");
    }
    if (!evaluate(rest, item, kNone)) return false;
  }
  mark_all(seen, at);
  return true;
}

}  // namespace bulkhead::contracts
