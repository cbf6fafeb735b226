// + - * / % and negation: whatever does not fit is a failure (cel-spec, langdef: "Overflow").

#include <algorithm>
#include <optional>

#include "conditions/arrays.hpp"
#include "conditions/time.hpp"
#include "conditions/workspace.hpp"

namespace bulkhead::conditions {

namespace {

Value int_or_failure(bool overflows, std::int64_t result) {
  return overflows ? failed(Reason::out_of_range) : Value::int64(result);
}

Value on_ints(Function function, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  switch (function) {
    case Function::add: return int_or_failure(__builtin_add_overflow(a, b, &result), result);
    case Function::subtract: return int_or_failure(__builtin_sub_overflow(a, b, &result), result);
    case Function::multiply: return int_or_failure(__builtin_mul_overflow(a, b, &result), result);
    default: break;
  }
  if (b == 0) return failed(Reason::divided_by_zero);
  if (a == INT64_MIN && b == -1) return failed(Reason::out_of_range);
  return Value::int64(function == Function::divide ? a / b : a % b);
}

Value uint_or_failure(bool overflows, std::uint64_t result) {
  return overflows ? failed(Reason::out_of_range) : Value::uint64(result);
}

Value on_uints(Function function, std::uint64_t a, std::uint64_t b) {
  std::uint64_t result = 0;
  switch (function) {
    case Function::add: return uint_or_failure(__builtin_add_overflow(a, b, &result), result);
    case Function::subtract: return uint_or_failure(__builtin_sub_overflow(a, b, &result), result);
    case Function::multiply: return uint_or_failure(__builtin_mul_overflow(a, b, &result), result);
    default: break;
  }
  if (b == 0) return failed(Reason::divided_by_zero);
  return Value::uint64(function == Function::divide ? a / b : a % b);
}

// By IEEE 754: nothing of it is a failure.
Value on_doubles(Function function, double a, double b) {
  switch (function) {
    case Function::add: return Value::float64(a + b);
    case Function::subtract: return Value::float64(a - b);
    case Function::multiply: return Value::float64(a * b);
    case Function::divide: return Value::float64(a / b);
    default: return failed(Reason::no_such_overload);
  }
}

Value time_or_failure(std::optional<Timestamp> time) {
  return time ? Value::timestamp(*time) : failed(Reason::out_of_range);
}

Value on_durations(Function function, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  const bool overflows =
      function == Function::add ? __builtin_add_overflow(a, b, &result) : __builtin_sub_overflow(a, b, &result);
  return overflows ? failed(Reason::out_of_range) : Value::duration(result);
}

Value on_times(Function function, const Value& a, const Value& b) {
  const bool adds = function == Function::add;
  if (!adds && function != Function::subtract) return failed(Reason::no_such_overload);
  if (a.is(Kind::duration) && b.is(Kind::duration)) return on_durations(function, a.as_duration(), b.as_duration());
  if (adds && a.is(Kind::duration) && b.is(Kind::timestamp))
    return time_or_failure(add(b.as_timestamp(), a.as_duration()));
  if (!a.is(Kind::timestamp)) return failed(Reason::no_such_overload);
  if (b.is(Kind::timestamp) && !adds) {
    const auto between = difference(a.as_timestamp(), b.as_timestamp());
    return between ? Value::duration(*between) : failed(Reason::out_of_range);
  }
  if (!b.is(Kind::duration)) return failed(Reason::no_such_overload);
  const std::int64_t duration = b.as_duration();
  if (!adds && duration == INT64_MIN) return failed(Reason::out_of_range);
  return time_or_failure(add(a.as_timestamp(), adds ? duration : -duration));
}

Value join_texts(const Value& a, const Value& b, Workspace& work) {
  const std::size_t size = a.as_text().size() + b.as_text().size();
  if (!spend(work, steps_of(size))) return failed(Reason::out_of_steps);
  char* text = work.arena.take<char>(size);
  if (text == nullptr) return failed(Reason::out_of_memory);
  std::ranges::copy(b.as_text(), std::ranges::copy(a.as_text(), text).out);
  return a.is(Kind::string) ? Value::string({text, size}) : Value::bytes({text, size});
}

Value join_lists(const Value& a, const Value& b, Workspace& work) {
  ListMaker joined(work.arena);
  const std::size_t size = a.list_size() + b.list_size();
  if (!spend(work, size)) return failed(Reason::out_of_steps);
  if (!joined.reserve(size)) return failed(Reason::out_of_memory);
  for (const Value* list : {&a, &b}) {
    for (std::size_t i = 0, end = list->list_size(); i < end; ++i) joined.add(list->element(i));
  }
  return joined.take();
}

Value negate(const Value& value) {
  if (value.is(Kind::float64)) return Value::float64(-value.as_double());
  if (!value.is(Kind::int64)) return failed(Reason::no_such_overload);
  return on_ints(Function::subtract, 0, value.as_int());
}

}  // namespace

Value arithmetic(Function function, Arguments arguments, Workspace& work) {
  const Value& a = arguments[0];
  if (function == Function::negate) return negate(a);
  const Value& b = arguments[1];
  if (!a.is(b.kind())) return on_times(function, a, b);
  switch (a.kind()) {
    case Kind::int64: return on_ints(function, a.as_int(), b.as_int());
    case Kind::uint64: return on_uints(function, a.as_uint(), b.as_uint());
    case Kind::float64: return on_doubles(function, a.as_double(), b.as_double());
    case Kind::timestamp:
    case Kind::duration: return on_times(function, a, b);
    default: break;
  }
  if (function != Function::add) return failed(Reason::no_such_overload);
  if (a.is(Kind::string) || a.is(Kind::bytes)) return join_texts(a, b, work);
  return a.is(Kind::list) ? join_lists(a, b, work) : failed(Reason::no_such_overload);
}

}  // namespace bulkhead::conditions
