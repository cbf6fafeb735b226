#include "contracts/program.hpp"

namespace bulkhead::contracts {

namespace {

void add_one(Index shape, std::vector<Index>& out) {
  if (shape != kNone) out.push_back(shape);
}

void add_all(const Program& program, Range range, std::vector<Index>& out) {
  for (Index i = range.begin; i != range.end; ++i) add_one(program.shapes_of[i], out);
}

}  // namespace

void in_place(const Program& program, const Shape& shape, std::vector<Index>& out) {
  if (shape.logic != kNone) {
    const LogicRules& logic = program.logic[shape.logic];
    for (const Range range : {logic.all_of, logic.any_of, logic.one_of}) add_all(program, range, out);
    for (const Index index : {logic.negated, logic.condition, logic.then, logic.otherwise, logic.reference})
      add_one(index, out);
    if (logic.dynamic_name != kNone) {
      for (const DynamicAnchor& anchor : program.dynamic_anchors) {
        if (anchor.name == logic.dynamic_name) add_one(anchor.shape, out);
      }
    }
  }
  if (shape.object != kNone) {
    const Range range = program.objects[shape.object].dependencies;
    for (Index i = range.begin; i != range.end; ++i) add_one(program.dependencies[i].shape, out);
  }
}

void of_parts(const Program& program, const Shape& shape, std::vector<Index>& out) {
  if (shape.array != kNone) {
    const ArrayRules& rules = program.arrays[shape.array];
    add_all(program, rules.prefix, out);
    for (const Index index : {rules.items, rules.contains, rules.unevaluated}) add_one(index, out);
  }
  if (shape.object != kNone) {
    const ObjectRules& rules = program.objects[shape.object];
    for (Index i = rules.properties.begin; i != rules.properties.end; ++i) add_one(program.properties[i].shape, out);
    for (Index i = rules.patterns.begin; i != rules.patterns.end; ++i) add_one(program.patterns_of[i].shape, out);
    for (const Index index : {rules.additional, rules.names, rules.unevaluated}) add_one(index, out);
  }
}

}  // namespace bulkhead::contracts
