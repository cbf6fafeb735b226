#include "conditions/compare.hpp"

#include <utility>

#include "conditions/steps.hpp"

namespace bulkhead::conditions {

namespace {

constexpr int kDeepest = 64;  // lists and maps in each other, as a request may bring them

bool is_number(const Value& value) {
  return value.is(Kind::int64) || value.is(Kind::uint64) || value.is(Kind::float64);
}

double widened(const Value& value) {
  if (value.is(Kind::int64)) return static_cast<double>(value.as_int());
  return value.is(Kind::uint64) ? static_cast<double>(value.as_uint()) : value.as_double();
}

std::strong_ordering compare_integers(const Value& a, const Value& b) {
  if (a.is(b.kind())) return a.is(Kind::int64) ? a.as_int() <=> b.as_int() : a.as_uint() <=> b.as_uint();
  if (a.is(Kind::uint64)) return 0 <=> compare_integers(b, a);
  return a.as_int() < 0 ? std::strong_ordering::less : std::as_const(a).as_uint() <=> b.as_uint();
}

Value truth(bool value) { return Value::boolean(value); }

}  // namespace

std::optional<std::partial_ordering> compare_numbers(const Value& a, const Value& b) {
  if (!is_number(a) || !is_number(b)) return std::nullopt;
  if (a.is(Kind::float64) || b.is(Kind::float64)) return widened(a) <=> widened(b);
  return compare_integers(a, b);
}

std::optional<std::partial_ordering> compare(const Value& a, const Value& b) {
  if (!a.is(b.kind())) return compare_numbers(a, b);
  switch (a.kind()) {
    case Kind::boolean: return a.as_bool() <=> b.as_bool();
    case Kind::string:
    case Kind::bytes: return a.as_text() <=> b.as_text();  // code points are in the order of their UTF-8
    case Kind::timestamp: return a.as_timestamp() <=> b.as_timestamp();
    case Kind::duration: return a.as_duration() <=> b.as_duration();
    default: return compare_numbers(a, b);
  }
}

bool same_key(const Value& key, const Value& wanted) {
  if (key.is(Kind::string)) return wanted.is(Kind::string) && key.as_text() == wanted.as_text();
  if (key.is(Kind::boolean)) return wanted.is(Kind::boolean) && key.as_bool() == wanted.as_bool();
  return compare_numbers(key, wanted) == std::partial_ordering::equivalent;
}

Value Equality::compare(const Value& a, const Value& b) { return same(a, b, 0); }

Value Equality::same(const Value& a, const Value& b, int depth) {
  if (!spend(steps_left_, 1)) return Value::failure({Reason::out_of_steps});
  if (depth > kDeepest) return Value::failure({Reason::too_deep});
  if (!a.is(b.kind())) return truth(compare_numbers(a, b) == std::partial_ordering::equivalent);
  switch (a.kind()) {
    case Kind::null: return truth(true);
    case Kind::type: return truth(a.as_type() == b.as_type());
    case Kind::list: return same_lists(a, b, depth);
    case Kind::map: return same_maps(a, b, depth);
    case Kind::string:
    case Kind::bytes:
      if (a.as_text().size() != b.as_text().size()) return truth(false);
      if (!spend(steps_left_, steps_of(a.as_text().size()))) return Value::failure({Reason::out_of_steps});
      return truth(a.as_text() == b.as_text());
    default: return truth(conditions::compare(a, b) == std::partial_ordering::equivalent);
  }
}

Value Equality::same_lists(const Value& a, const Value& b, int depth) {
  const std::size_t size = a.list_size();
  if (size != b.list_size()) return truth(false);
  for (std::size_t i = 0; i < size; ++i) {
    const Value each = same(a.element(i), b.element(i), depth + 1);
    if (!each.is_true()) return each;
  }
  return truth(true);
}

Value Equality::same_maps(const Value& a, const Value& b, int depth) {
  const std::size_t size = a.map_size();
  if (size != b.map_size()) return truth(false);
  for (std::size_t i = 0; i < size; ++i) {
    const MapEntry entry = a.entry(i);
    if (!spend(steps_left_, size)) return Value::failure({Reason::out_of_steps});  // it may look at all of them
    const std::optional<Value> other = b.find(entry.key);
    if (!other) return truth(false);
    const Value each = same(entry.value, *other, depth + 1);
    if (!each.is_true()) return each;
  }
  return truth(true);
}

}  // namespace bulkhead::conditions
