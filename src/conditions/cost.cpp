#include "conditions/cost.hpp"

#include <algorithm>
#include <limits>
#include <vector>

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

// Upper bounds of one value: the elements of a list or map, the bytes of a text or of each text in it; and the steps to
// compute it.
struct Bound {
  Amount steps = 0;
  Amount elements = 0;
  Amount bytes = 0;
};

bool has_texts(const Type& type) {
  const Kind kind = type.kind();
  return kind == Kind::string || kind == Kind::bytes || kind == Kind::dyn ||
         std::ranges::any_of(type.parameters(), has_texts);
}

bool has_elements(const Type& type) {
  return type.kind() == Kind::list || type.kind() == Kind::map || type.kind() == Kind::dyn;
}

Bound of_request(const Type& type) {
  return {1, has_elements(type) ? kAssumedElements : 0, has_texts(type) ? kAssumedBytes : 0};
}

// The steps to compare two values of a type.
Amount comparison(const Type& type, Amount elements, Amount bytes) {
  const Amount text = plus(1, steps_of(bytes));
  switch (type.kind()) {
    case Kind::string:
    case Kind::bytes: return text;
    case Kind::list: return plus(1, times(elements, comparison(type.parameters()[0], kAssumedElements, bytes)));
    case Kind::map: {
      const Amount value = comparison(type.parameters()[1], kAssumedElements, bytes);
      return plus(1, times(elements, plus(elements, value)));
    }
    case Kind::dyn: return plus(1, times(plus(1, elements), text));
    default: return 1;
  }
}

class Estimate {
 public:
  Estimate(const Ast& ast, const Meaning& meaning) : ast_(ast), meaning_(meaning) {}

  Cost run() {
    cost_.steps = bound_of(ast_.root).steps;
    return cost_;
  }

 private:
  const Type& type_of(NodeId id) const { return meaning_.types[id]; }

  Bound bound_of(NodeId id) {
    const Node& node = ast_.nodes[id];
    switch (node.kind) {
      case NodeKind::constant: return constant(node.constant);
      case NodeKind::name: return named(id);
      case NodeKind::select:
      case NodeKind::has: return selected(id);
      case NodeKind::call: return call(id);
      case NodeKind::list:
      case NodeKind::map: return collection(node);
      case NodeKind::loop: return loop(node);
    }
    return {};
  }

  static Bound constant(const Value& value) {
    const bool text = value.is(Kind::string) || value.is(Kind::bytes);
    return {1, 0, text ? value.as_text().size() : 0};
  }

  Bound named(NodeId id) const {
    const Target& target = meaning_.targets[id];
    return target.is == Target::Is::element ? elements_[target.index] : of_request(type_of(id));
  }

  Bound selected(NodeId id) {
    if (meaning_.targets[id].is != Target::Is::field) return of_request(type_of(id));
    const Bound of = bound_of(ast_.nodes[id].children[0]);
    Bound result = of_request(type_of(id));
    result.steps = plus(of.steps, 2);
    result.bytes = std::min(result.bytes, std::max(of.bytes, kAssumedBytes));
    return result;
  }

  // The steps of all children, and the most of each.
  Bound all_of(const Node& node) {
    Bound all{.steps = 1};
    for (const NodeId child : node.children) {
      const Bound each = bound_of(child);
      all = {plus(all.steps, each.steps), std::max(all.elements, each.elements), std::max(all.bytes, each.bytes)};
    }
    return all;
  }

  Bound collection(const Node& node) {
    Bound all = all_of(node);
    const Amount count = node.children.size();
    all.elements = node.kind == NodeKind::list ? count : count / 2;
    if (node.kind == NodeKind::map) all.steps = plus(all.steps, times(count, count));  // no key twice
    return all;
  }

  Bound call(NodeId id) {
    const Node& node = ast_.nodes[id];
    const Function function = meaning_.functions[id];
    if (node.children.size() > 4) return all_of(node);  // && and ||
    std::vector<Bound> of;
    Bound all{.steps = 1};
    for (const NodeId child : node.children) {
      of.push_back(bound_of(child));
      all.steps = plus(all.steps, of.back().steps);
    }
    const Bound made = result_of(function, node, of);
    return {plus(all.steps, made.steps), made.elements, made.bytes};
  }

  // What a call gives, with the steps beside those of its arguments.
  Bound result_of(Function function, const Node& node, std::vector<Bound>& of) const {
    const Bound a = of[0];
    of.resize(4);
    const Amount bytes = plus(a.bytes, of[1].bytes);
    switch (function) {
      case Function::equal:
      case Function::not_equal: return {.steps = comparison(node, of[0], of[1])};
      case Function::in: return {.steps = plus(1, times(of[1].elements, search(node, of[0], of[1])))};
      case Function::index: return {1, a.elements, a.bytes};
      case Function::conditional:
        return {0, std::max(of[1].elements, of[2].elements), std::max(of[1].bytes, of[2].bytes)};
      case Function::add: {
        const Amount elements = plus(a.elements, of[1].elements);
        return {plus(elements, steps_of(bytes)), elements, bytes};
      }
      case Function::matches: return {.steps = a.bytes / kBytesOfPatternStep};
      case Function::last_index_of:
        return {.steps = plus(steps_of(bytes), times(plus(a.bytes, 15) / 16, plus(1, steps_of(of[1].bytes))))};
      case Function::split: return {plus(plus(a.bytes, 2), steps_of(bytes)), plus(a.bytes, 1), a.bytes};
      case Function::replace: {
        const Amount whole = plus(a.bytes, times(plus(a.bytes, 1), of[2].bytes));
        return {plus(steps_of(plus(bytes, whole)), times(2, plus(a.bytes, 2))), 0, whole};
      }
      case Function::join: {
        const Amount whole = times(a.elements, bytes);
        return {plus(times(2, plus(a.elements, 1)), steps_of(whole)), 0, whole};
      }
      case Function::to_string: return {steps_of(bytes), 0, std::max<Amount>(a.bytes, 40)};
      default: return {steps_of(bytes), a.elements, a.bytes};
    }
  }

  // A value of an unknown type costs no more than the other one lets it.
  Amount comparison(const Node& node, const Bound& a, const Bound& b) const {
    const Type& left = type_of(node.children[0]);
    const Type& type = left.kind() == Kind::dyn ? type_of(node.children[1]) : left;
    return conditions::comparison(type, std::min(a.elements, b.elements), std::min(a.bytes, b.bytes));
  }

  Amount search(const Node& node, const Bound& wanted, const Bound& in) const {
    const Type& type = type_of(node.children[0]);
    return conditions::comparison(type, wanted.elements, std::min(wanted.bytes, in.bytes));
  }

  Bound loop(const Node& node) {
    const Bound range = bound_of(node.children[0]);
    const Type& over = type_of(node.children[0]);
    const Type element = over.parameters().empty() ? Type(Kind::dyn) : over.parameters()[0];
    elements_.push_back({1, has_elements(element) ? kAssumedElements : 0, has_texts(element) ? range.bytes : 0});
    Bound last;
    Amount turn = 0;
    for (std::size_t i = 1; i < node.children.size(); ++i) {
      last = bound_of(node.children[i]);
      turn = plus(turn, last.steps);
    }
    elements_.pop_back();
    const Amount steps = times(range.elements, turn);
    if (steps >= dearest_) {
      dearest_ = steps;
      cost_.dearest_loop = node.offset;
    }
    return {plus(plus(1, range.steps), steps), range.elements, node.loop == Loop::map ? last.bytes : range.bytes};
  }

  const Ast& ast_;
  const Meaning& meaning_;
  std::vector<Bound> elements_;
  Amount dearest_ = 0;
  Cost cost_;
};

}  // namespace

Cost estimate(const Ast& ast, const Meaning& meaning) { return Estimate(ast, meaning).run(); }

}  // namespace bulkhead::conditions
