// The rules for each kind of value.

#include <algorithm>
#include <charconv>
#include <limits>

#include "contracts/evaluator.hpp"

namespace bulkhead::contracts {

namespace {

// A number of a body: whole ones of usual size without the detour.
class Number {
 public:
  Number(const Json& body, Index at) : text_(body.raw(at)) {
    small_ = body[at].plain && text_.size() <= 18;
    if (small_) {
      std::from_chars(text_.data(), text_.data() + text_.size(), integer_);
    } else {
      decimal_ = Decimal(text_);
    }
  }

  std::strong_ordering operator<=>(const Constant& other) const {
    if (small_ && other.small) return integer_ <=> other.integer;
    return (small_ ? Decimal(text_) : decimal_) <=> other.decimal;
  }

  bool is_multiple_of(const Constant& step) const {
    if (small_ && step.small) return integer_ % step.integer == 0;
    return (small_ ? Decimal(text_) : decimal_).is_multiple_of(step.decimal);
  }

  // A whole number of that many bits, with sign.
  bool fits(Format format) const {
    using Int32 = std::numeric_limits<std::int32_t>;
    if (small_) return format != Format::int32 || (integer_ >= Int32::min() && integer_ <= Int32::max());
    if (!decimal_.is_integer()) return false;
    if (format == Format::int32) return decimal_ >= Decimal("-2147483648") && decimal_ <= Decimal("2147483647");
    return decimal_ >= Decimal("-9223372036854775808") && decimal_ <= Decimal("9223372036854775807");
  }

 private:
  std::string_view text_;
  bool small_ = false;
  std::int64_t integer_ = 0;
  Decimal decimal_;
};

Index characters(std::string_view text) {
  return static_cast<Index>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

}  // namespace

bool Evaluator::number(Index index, Index at) {
  const NumberRules& rules = program_->numbers[program_->shapes[index].number];
  const Number value(*body_, at);
  if (rules.minimum.set && value < rules.minimum) return fail(index, at, "minimum", "is too small");
  if (rules.above.set && value <= rules.above) return fail(index, at, "exclusiveMinimum", "is too small");
  if (rules.maximum.set && value > rules.maximum) return fail(index, at, "maximum", "is too large");
  if (rules.below.set && value >= rules.below) return fail(index, at, "exclusiveMaximum", "is too large");
  if (rules.step.set && !value.is_multiple_of(rules.step)) {
    return fail(index, at, "multipleOf", "is not a multiple of the given step");
  }
  if (rules.format != Format::none && !value.fits(rules.format)) {
    return fail(index, at, "format", "is no {}", to_string(rules.format));
  }
  return true;
}

bool Evaluator::string(Index index, Index at) {
  const StringRules& rules = program_->strings[program_->shapes[index].string];
  const std::string_view text = body_->text(at);
  // A character has one to four bytes: most texts need no count.
  if (text.size() < rules.min_length || (text.size() / 4 < rules.min_length && characters(text) < rules.min_length)) {
    return fail(index, at, "minLength", "is shorter than {} characters", rules.min_length);
  }
  if (text.size() > rules.max_length && characters(text) > rules.max_length) {
    return fail(index, at, "maxLength", "is longer than {} characters", rules.max_length);
  }
  if (rules.format != Format::none && !matches(rules.format, text)) {
    return fail(index, at, "format", "is no {}", to_string(rules.format));
  }
  if (rules.pattern != kNone && !program_->patterns[rules.pattern].is_found_in(text)) {
    return fail(index, at, "pattern", "is not as the pattern says");
  }
  return true;
}

bool Evaluator::array(Index index, Index at, Index seen) {
  const ArrayRules& rules = program_->arrays[program_->shapes[index].array];
  const Index count = (*body_)[at].count;
  if (count < rules.min_items) return fail(index, at, "minItems", "has fewer than {} items", rules.min_items);
  if (count > rules.max_items) return fail(index, at, "maxItems", "has more than {} items", rules.max_items);
  if (!items(index, at, seen)) return false;
  if (rules.contains != kNone && !contains(index, at, seen)) return false;
  if (rules.unique && count > 1 && equality_.has_repeats(*body_, at)) {
    return fail(index, at, "uniqueItems", "has an item twice");
  }
  return true;
}

bool Evaluator::items(Index index, Index at, Index seen) {
  const ArrayRules& rules = program_->arrays[program_->shapes[index].array];
  if (rules.prefix.empty() && rules.items == kNone) return true;
  Index child = 0;
  for (Index item = at + 1; item != (*body_)[at].next; item = (*body_)[item].next, ++child) {
    const bool in_prefix = child < rules.prefix.size();
    if (!in_prefix && rules.items == kNone) break;
    const Index shape = in_prefix ? program_->shapes_of[rules.prefix.begin + child] : rules.items;
    if (!evaluate(shape, item, kNone)) return false;
    mark(seen, child);
  }
  return true;
}

bool Evaluator::contains(Index index, Index at, Index seen) {
  const ArrayRules& rules = program_->arrays[program_->shapes[index].array];
  Index found = 0;
  Index child = 0;
  for (Index item = at + 1; item != (*body_)[at].next; item = (*body_)[item].next, ++child) {
    if (!branch(rules.contains, item, kNone)) continue;
    ++found;
    mark(seen, child);
  }
  if (found < rules.min_contains) {
    return fail(index, at, rules.min_contains == 1 ? "contains" : "minContains",
                "has fewer than {} items of the wanted form", rules.min_contains);
  }
  return found <= rules.max_contains ||
         fail(index, at, "maxContains", "has more than {} items of that form", rules.max_contains);
}

bool Evaluator::object(Index index, Index at, Index seen) {
  const ObjectRules& rules = program_->objects[program_->shapes[index].object];
  const Index count = (*body_)[at].count;
  if (count < rules.min_members)
    return fail(index, at, "minProperties", "has fewer than {} members", rules.min_members);
  if (count > rules.max_members) return fail(index, at, "maxProperties", "has more than {} members", rules.max_members);
  const bool usual = rules.names == kNone && rules.patterns.empty();
  Index required = 0;
  Index child = 0;
  for (Index name = at + 1; name != (*body_)[at].next; name = (*body_)[name + 1].next, ++child) {
    const Index found = program_->find(rules, body_->text(name), (*body_)[name].hash);
    bool known = false;
    if (found != kNone) {
      const Property& property = program_->properties[found];
      required += property.required[static_cast<std::size_t>(direction_)] ? 1 : 0;
      known = usual && property.shape != kNone && !property.read_only && !property.write_only;
      if (known && !evaluate(property.shape, name + 1, kNone)) return false;
    }
    if (!known && !member(index, rules, name, found, known)) return false;
    if (known) mark(seen, child);
  }
  if (required != rules.required[static_cast<std::size_t>(direction_)]) return fail_required(index, rules, at);
  return rules.dependencies.empty() || dependencies(index, rules, at, seen);
}

bool Evaluator::member(Index index, const ObjectRules& rules, Index name, Index found, bool& known) {
  const Index value = name + 1;
  if (rules.names != kNone && !evaluate(rules.names, name, kNone)) return false;
  if (found != kNone && program_->properties[found].shape != kNone) {
    const Property& property = program_->properties[found];
    known = true;
    if (property.read_only && direction_ == Direction::request) {
      return fail(property.shape, value, "readOnly", "is set by the service alone");
    }
    if (property.write_only && direction_ == Direction::response) {
      return fail(property.shape, value, "writeOnly", "is for requests alone");
    }
    if (!evaluate(property.shape, value, kNone)) return false;
  }
  for (Index i = rules.patterns.begin; i != rules.patterns.end; ++i) {
    const PatternProperty& pattern = program_->patterns_of[i];
    if (!program_->patterns[pattern.pattern].is_found_in(body_->text(name))) continue;
    known = true;
    if (!evaluate(pattern.shape, value, kNone)) return false;
  }
  if (known || rules.additional == kNone) return true;
  known = true;
  if (program_->shapes[rules.additional].never) return fail(index, value, "additionalProperties", "is not declared");
  return evaluate(rules.additional, value, kNone);
}

bool Evaluator::fail_required(Index index, const ObjectRules& rules, Index at) {
  if (quiet_ > 0) return false;
  for (Index i = rules.properties.begin; i != rules.properties.end; ++i) {
    const Property& property = program_->properties[i];
    if (property.required[static_cast<std::size_t>(direction_)] && !body_->member(at, property.name)) {
      return fail(index, at, "required", "lacks the member '{}'", property.name);
    }
  }
  return false;
}

bool Evaluator::dependencies(Index index, const ObjectRules& rules, Index at, Index seen) {
  for (Index i = rules.dependencies.begin; i != rules.dependencies.end; ++i) {
    const Dependency& dependency = program_->dependencies[i];
    if (!body_->member(at, dependency.name)) continue;
    for (const std::string& name : dependency.required) {
      if (body_->member(at, name)) continue;
      return fail(index, at, "dependentRequired", "has the member '{}' and lacks '{}'", dependency.name, name);
    }
    if (dependency.shape != kNone && !evaluate(dependency.shape, at, seen)) return false;
  }
  return true;
}

}  // namespace bulkhead::contracts
