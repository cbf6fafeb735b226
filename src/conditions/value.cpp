#include "conditions/value.hpp"

#include <bit>

namespace bulkhead::conditions {

static_assert(sizeof(Value) == 24);

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::no_such_overload: return "there is no such operation for values of these types";
    case Reason::no_such_key: return "the map has no such key";
    case Reason::index_out_of_range: return "the index is out of range";
    case Reason::divided_by_zero: return "division by zero";
    case Reason::out_of_range: return "the result is out of range";
    case Reason::unreadable: return "the text can not be converted";
    case Reason::not_utf8: return "the bytes are not UTF-8";
    case Reason::absent: return "it is not known for this request";
    case Reason::later: return "it is not known here";
    case Reason::bad_key: return "a map's key is a bool, int, uint or string";
    case Reason::repeated_key: return "the map has a key twice";
    case Reason::bad_zone: return "the time zone is neither UTC nor an offset such as +01:00";
    case Reason::too_deep: return "the value is nested too deeply";
    case Reason::out_of_steps: return "it takes more steps than a condition may";
    case Reason::out_of_memory: return "it takes more memory than a condition may";
  }
  return "it failed";
}

Value Value::float64(double value) { return {Kind::float64, std::bit_cast<std::uint64_t>(value)}; }

double Value::as_double() const { return std::bit_cast<double>(word_); }

Value Value::timestamp(Timestamp time) {
  Value value(Kind::timestamp, static_cast<std::uint64_t>(time.seconds));
  value.extra_ = time.nanoseconds;
  return value;
}

Value Value::failure(Failure failure) {
  Value value(Kind::failure, static_cast<std::uint64_t>(failure.reason));
  value.extra_ = failure.offset;
  return value;
}

}  // namespace bulkhead::conditions
