// Parts of timestamps and durations.

#include "conditions/time.hpp"
#include "conditions/workspace.hpp"

namespace bulkhead::conditions {

Value time_function(Function function, Arguments arguments) {
  const Value& of = arguments[0];
  if (of.is(Kind::duration) && arguments.size() == 1 && function >= Function::get_hours) {
    return Value::int64(part_of(of.as_duration(), function));
  }
  if (!of.is(Kind::timestamp)) return failed(Reason::no_such_overload);
  if (arguments.size() == 1) return Value::int64(part_of(of.as_timestamp(), 0, function));
  if (!arguments[1].is(Kind::string)) return failed(Reason::no_such_overload);
  const auto zone = read_zone(arguments[1].as_text());
  return zone ? Value::int64(part_of(of.as_timestamp(), *zone, function)) : failed(Reason::bad_zone);
}

}  // namespace bulkhead::conditions
