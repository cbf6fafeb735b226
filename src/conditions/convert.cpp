// Conversions between types (cel-spec, langdef: "Abstract types", standard definitions of int(), string() and others).

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "conditions/text.hpp"
#include "conditions/time.hpp"
#include "conditions/workspace.hpp"

namespace bulkhead::conditions {

namespace {

template <class Number>
std::optional<Number> read_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

template <class Optional, class Make>
Value or_failure(const Optional& read, Reason reason, Make make) {
  return read ? make(*read) : failed(reason);
}

Value to_int(const Value& from) {
  switch (from.kind()) {
    case Kind::int64: return from;
    case Kind::uint64:
      return from.as_uint() <= INT64_MAX ? Value::int64(static_cast<std::int64_t>(from.as_uint()))
                                         : failed(Reason::out_of_range);
    case Kind::float64:  // the ends of int are no doubles, so that what is next to them is left out
      if (!(from.as_double() > -0x1p63 && from.as_double() < 0x1p63)) return failed(Reason::out_of_range);
      return Value::int64(static_cast<std::int64_t>(from.as_double()));
    case Kind::string: return or_failure(read_number<std::int64_t>(from.as_text()), Reason::unreadable, Value::int64);
    case Kind::timestamp: return Value::int64(from.as_timestamp().seconds);
    default: return failed(Reason::no_such_overload);
  }
}

Value to_uint(const Value& from) {
  switch (from.kind()) {
    case Kind::uint64: return from;
    case Kind::int64:
      return from.as_int() >= 0 ? Value::uint64(static_cast<std::uint64_t>(from.as_int()))
                                : failed(Reason::out_of_range);
    case Kind::float64:
      if (!(from.as_double() >= 0 && from.as_double() < 0x1p64)) return failed(Reason::out_of_range);
      return Value::uint64(static_cast<std::uint64_t>(from.as_double()));
    case Kind::string: return or_failure(read_number<std::uint64_t>(from.as_text()), Reason::unreadable, Value::uint64);
    default: return failed(Reason::no_such_overload);
  }
}

Value to_double(const Value& from) {
  switch (from.kind()) {
    case Kind::float64: return from;
    case Kind::int64: return Value::float64(static_cast<double>(from.as_int()));
    case Kind::uint64: return Value::float64(static_cast<double>(from.as_uint()));
    case Kind::string: return or_failure(read_number<double>(from.as_text()), Reason::unreadable, Value::float64);
    default: return failed(Reason::no_such_overload);
  }
}

template <class Number>
Value number_text(Number number, Workspace& work) {
  std::array<char, 32> text{};
  const char* end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  return make_string(work, {text.data(), end});
}

Value double_text(double number, Workspace& work) {
  if (std::isnan(number)) return Value::string("NaN");
  if (std::isinf(number)) return Value::string(number > 0 ? "Infinity" : "-Infinity");
  return number_text(number, work);
}

Value to_string(const Value& from, Workspace& work) {
  std::array<char, kLongestTime> time{};
  switch (from.kind()) {
    case Kind::string: return from;
    case Kind::boolean: return Value::string(from.as_bool() ? "true" : "false");
    case Kind::int64: return number_text(from.as_int(), work);
    case Kind::uint64: return number_text(from.as_uint(), work);
    case Kind::float64: return double_text(from.as_double(), work);
    case Kind::bytes:
      if (!spend(work, steps_of(from.as_text().size()))) return failed(Reason::out_of_steps);
      return utf8_prefix(from.as_text()) == from.as_text().size() ? Value::string(from.as_text())
                                                                  : failed(Reason::not_utf8);
    case Kind::timestamp: return make_string(work, {time.data(), write_timestamp(from.as_timestamp(), time.data())});
    case Kind::duration: return make_string(work, {time.data(), write_duration(from.as_duration(), time.data())});
    default: return failed(Reason::no_such_overload);
  }
}

Value to_bool(const Value& from) {
  if (from.is(Kind::boolean)) return from;
  if (!from.is(Kind::string)) return failed(Reason::no_such_overload);
  const std::string_view text = from.as_text();
  for (const std::string_view word : {"true", "True", "TRUE", "t", "T", "1"}) {
    if (text == word) return Value::boolean(true);
  }
  for (const std::string_view word : {"false", "False", "FALSE", "f", "F", "0"}) {
    if (text == word) return Value::boolean(false);
  }
  return failed(Reason::unreadable);
}

Value to_timestamp(const Value& from) {
  switch (from.kind()) {
    case Kind::timestamp: return from;
    case Kind::string: return or_failure(read_timestamp(from.as_text()), Reason::unreadable, Value::timestamp);
    case Kind::int64: return or_failure(timestamp_of(from.as_int()), Reason::out_of_range, Value::timestamp);
    default: return failed(Reason::no_such_overload);
  }
}

Value to_duration(const Value& from) {
  if (from.is(Kind::duration)) return from;
  if (!from.is(Kind::string)) return failed(Reason::no_such_overload);
  return or_failure(read_duration(from.as_text()), Reason::unreadable, Value::duration);
}

Value to_bytes(const Value& from) {
  if (from.is(Kind::bytes)) return from;
  return from.is(Kind::string) ? Value::bytes(from.as_text()) : failed(Reason::no_such_overload);
}

}  // namespace

Value convert(Function function, const Value& from, Workspace& work) {
  switch (function) {
    case Function::to_int: return to_int(from);
    case Function::to_uint: return to_uint(from);
    case Function::to_double: return to_double(from);
    case Function::to_string: return to_string(from, work);
    case Function::to_bytes: return to_bytes(from);
    case Function::to_bool: return to_bool(from);
    case Function::to_timestamp: return to_timestamp(from);
    case Function::to_duration: return to_duration(from);
    case Function::type_of: return Value::type(from.kind());
    default: return from;  // dyn()
  }
}

}  // namespace bulkhead::conditions
