#include "conditions/cost.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "conditions/limits.hpp"
#include "conditions/steps.hpp"

namespace bulkhead::conditions {

namespace {

using Amount = std::uint64_t;

Amount plus(Amount a, Amount b) {
  Amount sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<Amount>::max() : sum;
}

Amount times(Amount a, Amount b) {
  Amount product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<Amount>::max() : product;
}

// Upper bounds of one expression: its steps, the elements of a list or map, the bytes of a text or of each text in it.
struct Bound {
  Amount steps = 0;
  Amount elements = 0;
  Amount bytes = 0;
};

constexpr Bound kOfRequest{1, kAssumedElements, kAssumedBytes};

Bound of_value(const Value& value) {
  Bound bound{.steps = 1};
  switch (value.kind()) {
    case Kind::string:
    case Kind::bytes: bound.bytes = value.as_text().size(); break;
    case Kind::list:
      bound.elements = value.list_size();
      for (std::size_t i = 0; i < bound.elements; ++i) {
        const Bound element = of_value(value.element(i));
        bound.elements = std::max(bound.elements, element.elements);
        bound.bytes = std::max(bound.bytes, element.bytes);
        if (i + 1 >= value.list_size()) break;
      }
      break;
    case Kind::map:
      bound.elements = value.map_size();
      for (std::size_t i = 0; i < value.map_size(); ++i) {
        const Bound element = of_value(value.entry(i).value);
        bound.elements = std::max(bound.elements, element.elements);
        bound.bytes = std::max({bound.bytes, element.bytes, of_value(value.entry(i).key).bytes});
      }
      break;
    default: break;
  }
  return bound;
}

class Estimate {
 public:
  explicit Estimate(const Program& program) : program_(program) {}

  Cost run() {
    cost_.steps = bound_of(program_.root).steps;
    return cost_;
  }

 private:
  Bound bound_of(std::uint32_t id) {
    const Instruction& it = program_.instructions[id];
    switch (it.op) {
      case Op::constant: return of_value(program_.constants[it.index]);
      case Op::variable: return kOfRequest;
      case Op::element: return elements_[it.index];
      case Op::loop: return loop(it);
      default: break;
    }
    std::array<Bound, 4> operands;  // of as many as calls have
    Bound all{.steps = 1};          // the steps of all, and the most of each
    for (std::uint32_t i = 0; i < it.count; ++i) {
      const Bound each = bound_of(program_.operands[it.first + i]);
      all = {plus(all.steps, each.steps), std::max(all.elements, each.elements), std::max(all.bytes, each.bytes)};
      if (i < operands.size()) operands[i] = each;
    }
    switch (it.op) {
      case Op::select:
      case Op::has: all.steps = plus(all.steps, 1); break;
      case Op::matches: all.steps = plus(all.steps, all.bytes / 8); break;
      case Op::list: all.elements = std::max<Amount>(all.elements, it.count); break;
      case Op::map:
        all.elements = std::max<Amount>(all.elements, it.count / 2);
        all.steps = plus(all.steps, times(it.count / 2, it.count / 2));
        break;
      case Op::call: return call(it.function, operands, all);
      default: break;
    }
    return all;
  }

  static Bound call(Function function, const std::array<Bound, 4>& of, Bound all) {
    const auto [a, b, c, d] = of;
    const Amount bytes = plus(a.bytes, b.bytes);
    switch (function) {
      case Function::equal:
      case Function::not_equal: all.steps = plus(all.steps, comparison(a, b)); break;
      case Function::in: all.steps = plus(all.steps, times(b.elements, comparison(a, b))); break;
      case Function::add:
        all.elements = plus(a.elements, b.elements);
        all.bytes = bytes;
        all.steps = plus(all.steps, plus(all.elements, steps_of(bytes)));
        break;
      case Function::last_index_of:
        all.steps = plus(all.steps, plus(steps_of(bytes), times(steps_of(a.bytes), 1 + steps_of(b.bytes))));
        break;
      case Function::split:
        all.elements = plus(a.bytes, 1);
        all.steps = plus(all.steps, plus(all.elements, steps_of(bytes)));
        break;
      case Function::replace:
        all.bytes = plus(a.bytes, times(plus(a.bytes, 1), c.bytes));
        all.steps = plus(all.steps, plus(steps_of(plus(bytes, all.bytes)), times(2, plus(a.bytes, 2))));
        break;
      case Function::join:
        all.bytes = times(a.elements, bytes);
        all.steps = plus(all.steps, plus(times(2, a.elements), steps_of(all.bytes)));
        break;
      case Function::to_string: all.bytes = std::max<Amount>(all.bytes, 40); [[fallthrough]];
      default: all.steps = plus(all.steps, plus(1, steps_of(bytes))); break;
    }
    return all;
  }

  // Lists of different lengths are not compared; nested ones are taken for one level of texts.
  static Amount comparison(const Bound& a, const Bound& b) {
    const Amount text = plus(1, steps_of(std::min(a.bytes, b.bytes)));
    return times(plus(1, std::min(a.elements, b.elements)), text);
  }

  Bound loop(const Instruction& it) {
    const Bound range = bound_of(program_.operands[it.first]);
    elements_[it.index] = {1, range.elements, range.bytes};
    Bound turn{.steps = 0, .bytes = range.bytes};
    for (std::uint32_t i = 1; i < it.count; ++i) {
      const Bound body = bound_of(program_.operands[it.first + i]);
      turn = {plus(turn.steps, body.steps), std::max(turn.elements, body.elements), std::max(turn.bytes, body.bytes)};
    }
    const Amount steps = times(range.elements, turn.steps);
    if (steps >= dearest_) {
      dearest_ = steps;
      cost_.dearest_loop = it.offset;
    }
    return {plus(plus(1, range.steps), steps), std::max(range.elements, turn.elements), turn.bytes};
  }

  const Program& program_;
  std::array<Bound, kMostLoops> elements_;
  Amount dearest_ = 0;
  Cost cost_;
};

}  // namespace

Cost estimate(const Program& program) { return Estimate(program).run(); }

}  // namespace bulkhead::conditions
