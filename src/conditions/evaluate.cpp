#include "conditions/evaluate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <span>

#include "conditions/compare.hpp"
#include "conditions/limits.hpp"
#include "conditions/workspace.hpp"

namespace bulkhead::conditions {

namespace {

constexpr std::size_t kMostArguments = 4;  // of replace()

class Evaluation {
 public:
  Evaluation(const Program& program, const Activation& request, Arena& arena)
      : program_(program), request_(request), work_{arena, left_} {}

  Outcome run() {
    const Value value = value_of(program_.root);
    return {value, kMostSteps - left_};
  }

 private:
  // The value of one expression; recursion is as deep as the expression, which the parser bounds.
  Value value_of(std::uint32_t id) {
    const Instruction& it = program_.instructions[id];
    if (!spend(left_, 1)) return Value::failure({Reason::out_of_steps, it.offset});
    switch (it.op) {
      case Op::constant: return program_.constants[it.index];
      case Op::variable: return placed(it, request_.value(it.index));
      case Op::element: return elements_[it.index];
      case Op::select: return select(it);
      case Op::has: return has(it);
      case Op::logical_or: return logic(it, true);
      case Op::logical_and: return logic(it, false);
      case Op::conditional: return conditional(it);
      case Op::call: return call(it);
      case Op::matches: return matches(it);
      case Op::list: return list(it);
      case Op::map: return map(it);
      case Op::loop: return loop(it);
    }
    return {};
  }

  Value operand(const Instruction& of, std::uint32_t index) { return value_of(program_.operands[of.first + index]); }

  static Value fail(const Instruction& it, Reason reason) { return Value::failure({reason, it.offset}); }

  // Functions and the request know no place of a failure: it is this one.
  static Value placed(const Instruction& it, const Value& value) {
    return value.is_failure() ? fail(it, value.as_failure().reason) : value;
  }

  Value find(const Instruction& it, const Value& map, const Value& key) {
    if (!spend(work_, 1)) return fail(it, Reason::out_of_steps);
    const std::optional<Value> found = map.find(key);
    return found ? placed(it, *found) : fail(it, Reason::no_such_key);
  }

  Value select(const Instruction& it) {
    const Value of = operand(it, 0);
    if (of.is_failure()) return of;
    return of.is(Kind::map) ? find(it, of, program_.constants[it.index]) : fail(it, Reason::no_such_overload);
  }

  Value has(const Instruction& it) {
    const Value of = operand(it, 0);
    if (of.is_failure()) return of;
    if (!of.is(Kind::map)) return fail(it, Reason::no_such_overload);
    const Value found = find(it, of, program_.constants[it.index]);
    return found.is_failure() && found.as_failure().reason == Reason::out_of_steps
               ? found
               : Value::boolean(!found.is_failure());
  }

  // Of several failures the first, but for one that is no failure to who decides later: `failed || later` may hold yet.
  static void keep(std::optional<Value>& failure, const Value& each) {
    if (each.is_failure() && (!failure || each.as_failure().reason == Reason::later)) failure = each;
  }

  // || where `decisive` is true, && where it is false: one decisive operand decides, whatever fails beside it.
  Value logic(const Instruction& it, bool decisive) {
    std::optional<Value> failure;
    for (std::uint32_t i = 0; i < it.count; ++i) {
      Value each = operand(it, i);
      if (decisive ? each.is_true() : each.is_false()) return each;
      if (!each.is_failure() && !each.is(Kind::boolean)) each = fail(it, Reason::no_such_overload);
      keep(failure, each);
    }
    return failure ? *failure : Value::boolean(!decisive);
  }

  Value conditional(const Instruction& it) {
    const Value condition = operand(it, 0);
    if (condition.is_failure()) return condition;
    if (!condition.is(Kind::boolean)) return fail(it, Reason::no_such_overload);
    return operand(it, condition.as_bool() ? 1 : 2);
  }

  Value call(const Instruction& it) {
    std::array<Value, kMostArguments> arguments;
    std::optional<Value> later;  // fails, unless another one does for good
    for (std::uint32_t i = 0; i < it.count; ++i) {
      arguments[i] = operand(it, i);
      if (!arguments[i].is_failure()) continue;
      if (arguments[i].as_failure().reason != Reason::later) return arguments[i];
      later = arguments[i];
    }
    if (later) return *later;
    return placed(it, apply(it, {arguments.data(), it.count}));
  }

  Value apply(const Instruction& it, Arguments arguments) {
    const Function function = it.function;
    if (function == Function::equal) return equal(arguments);
    if (function == Function::not_equal) return negated(equal(arguments));
    if (function == Function::logical_not) return negated(arguments[0]);
    if (function <= Function::greater_equal) return ordered(function, arguments);
    if (function <= Function::negate) return arithmetic(function, arguments, work_);
    if (function == Function::index) return index(it, arguments[0], arguments[1]);
    if (function == Function::in) return in(arguments[0], arguments[1]);
    if (function >= Function::to_int && function <= Function::type_of) return convert(function, arguments[0], work_);
    if (function >= Function::get_full_year && function <= Function::get_milliseconds)
      return time_function(function, arguments);
    return text_function(function, arguments, work_);
  }

  static Value negated(const Value& value) {
    if (value.is_failure()) return value;
    return value.is(Kind::boolean) ? Value::boolean(!value.as_bool()) : failed(Reason::no_such_overload);
  }

  Value equal(Arguments arguments) { return Equality(left_).compare(arguments[0], arguments[1]); }

  Value ordered(Function function, Arguments arguments) {
    const Value& a = arguments[0];
    if ((a.is(Kind::string) || a.is(Kind::bytes)) && !spend(work_, steps_of(a.as_text().size())))
      return failed(Reason::out_of_steps);
    const auto order = compare(a, arguments[1]);
    if (!order) return failed(Reason::no_such_overload);
    switch (function) {
      case Function::less: return Value::boolean(*order < 0);
      case Function::less_equal: return Value::boolean(*order <= 0);
      case Function::greater: return Value::boolean(*order > 0);
      default: return Value::boolean(*order >= 0);
    }
  }

  Value index(const Instruction& it, const Value& of, const Value& key) {
    if (of.is(Kind::map)) return find(it, of, key);
    if (!of.is(Kind::list)) return failed(Reason::no_such_overload);
    const std::optional<std::int64_t> position = as_index(key);
    if (!position) return failed(Reason::no_such_overload);
    const std::size_t size = of.list_size();
    if (*position < 0 || static_cast<std::uint64_t>(*position) >= size) return failed(Reason::index_out_of_range);
    return of.element(static_cast<std::size_t>(*position));
  }

  // A position may be any number that has no fraction.
  static std::optional<std::int64_t> as_index(const Value& key) {
    switch (key.kind()) {
      case Kind::int64: return key.as_int();
      case Kind::uint64: return static_cast<std::int64_t>(std::min<std::uint64_t>(key.as_uint(), INT64_MAX));
      case Kind::float64:
        if (std::trunc(key.as_double()) != key.as_double() || std::abs(key.as_double()) >= 0x1p53) return std::nullopt;
        return static_cast<std::int64_t>(key.as_double());
      default: return std::nullopt;
    }
  }

  Value in(const Value& wanted, const Value& of) {
    if (of.is(Kind::map))
      return spend(work_, 1) ? Value::boolean(of.find(wanted).has_value()) : failed(Reason::out_of_steps);
    if (!of.is(Kind::list)) return failed(Reason::no_such_overload);
    Equality equality(left_);
    for (std::size_t i = 0, size = of.list_size(); i < size; ++i) {
      const Value each = equality.compare(of.element(i), wanted);
      if (!each.is_false()) return each;
    }
    return Value::boolean(false);
  }

  Value matches(const Instruction& it) {
    const Value of = operand(it, 0);
    if (of.is_failure()) return of;
    if (!of.is(Kind::string)) return fail(it, Reason::no_such_overload);
    const std::string_view text = of.as_text();
    if (!spend(work_, text.size() / kBytesOfPatternStep)) return fail(it, Reason::out_of_steps);
    return Value::boolean(re2::RE2::PartialMatch({text.data(), text.size()}, *program_.patterns[it.index]));
  }

  Value list(const Instruction& it) {
    ListMaker made(work_.arena);
    if (!made.reserve(it.count)) return fail(it, Reason::out_of_memory);
    for (std::uint32_t i = 0; i < it.count; ++i) {
      const Value each = operand(it, i);
      if (each.is_failure()) return each;
      made.add(each);
    }
    return placed(it, made.take());
  }

  static bool is_key(const Value& value) {
    return value.is(Kind::string) || value.is(Kind::int64) || value.is(Kind::uint64) || value.is(Kind::boolean);
  }

  Value map(const Instruction& it) {
    auto* entries = work_.arena.take<MapEntry>(it.count / 2);
    auto* all = work_.arena.take<Entries>(1);
    if (entries == nullptr || all == nullptr) return fail(it, Reason::out_of_memory);
    for (std::uint32_t i = 0; i < it.count / 2; ++i) {
      *all = Entries(entries, i);
      const Value key = operand(it, 2 * i);
      if (key.is_failure()) return key;
      if (!is_key(key)) return fail(it, Reason::bad_key);
      if (!spend(work_, i)) return fail(it, Reason::out_of_steps);
      if (map_of(all).find(key)) return fail(it, Reason::repeated_key);
      const Value value = operand(it, 2 * i + 1);
      if (value.is_failure()) return value;
      entries[i] = {key, value};
    }
    *all = Entries(entries, it.count / 2);
    return map_of(all);
  }

  Value loop(const Instruction& it) {
    const Value range = operand(it, 0);
    if (range.is_failure()) return range;
    if (!range.is(Kind::list) && !range.is(Kind::map)) return fail(it, Reason::no_such_overload);
    switch (it.loop) {
      case Loop::all: return decide(it, range, false);
      case Loop::exists: return decide(it, range, true);
      case Loop::exists_one: return count_one(it, range);
      case Loop::filter:
      case Loop::map: return collect(it, range);
    }
    return {};
  }

  static std::size_t size_of(const Value& range) { return range.is(Kind::list) ? range.list_size() : range.map_size(); }

  void set_element(const Instruction& it, const Value& range, std::size_t i) {
    elements_[it.index] = range.is(Kind::list) ? range.element(i) : range.entry(i).key;
  }

  // exists() where `decisive` is true, all() where it is false: as logic() over the elements.
  Value decide(const Instruction& it, const Value& range, bool decisive) {
    std::optional<Value> failure;
    for (std::size_t i = 0, size = size_of(range); i < size; ++i) {
      set_element(it, range, i);
      Value each = operand(it, 1);
      if (decisive ? each.is_true() : each.is_false()) return each;
      if (!each.is_failure() && !each.is(Kind::boolean)) each = fail(it, Reason::no_such_overload);
      keep(failure, each);
      if (left_ == 0) break;
    }
    return failure ? *failure : Value::boolean(!decisive);
  }

  Value count_one(const Instruction& it, const Value& range) {
    std::size_t found = 0;
    for (std::size_t i = 0, size = size_of(range); i < size; ++i) {
      set_element(it, range, i);
      const Value each = operand(it, 1);
      if (each.is_failure()) return each;
      if (!each.is(Kind::boolean)) return fail(it, Reason::no_such_overload);
      found += each.as_bool() ? 1 : 0;
    }
    return Value::boolean(found == 1);
  }

  // filter(), and map() with and without a condition.
  Value collect(const Instruction& it, const Value& range) {
    ListMaker made(work_.arena);
    const bool maps = it.loop == Loop::map;
    const bool asks = !maps || it.count == 3;
    for (std::size_t i = 0, size = size_of(range); i < size; ++i) {
      set_element(it, range, i);
      const Value element = elements_[it.index];
      if (asks) {
        const Value wanted = operand(it, 1);
        if (wanted.is_failure()) return wanted;
        if (!wanted.is(Kind::boolean)) return fail(it, Reason::no_such_overload);
        if (!wanted.as_bool()) continue;
      }
      const Value each = maps ? operand(it, it.count - 1) : element;
      if (each.is_failure()) return each;
      if (!made.add(each)) return fail(it, Reason::out_of_memory);
    }
    return placed(it, made.take());
  }

  const Program& program_;
  const Activation& request_;
  std::uint64_t left_ = kMostSteps;
  Workspace work_;
  std::array<Value, kMostLoops> elements_;
};

}  // namespace

Outcome evaluate(const Program& program, const Activation& request, Arena& arena) {
  return Evaluation(program, request, arena).run();
}

}  // namespace bulkhead::conditions
