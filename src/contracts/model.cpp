#include "contracts/model.hpp"

namespace bulkhead::contracts {

namespace {

constexpr int kDeepest = 16;

// What `find` gives for a schema that this one consists of, the first that gives something.
template <class Find>
Index in_parts(const Program& program, const Shape& shape, Find find) {
  if (shape.logic == kNone) return kNone;
  const LogicRules& logic = program.logic[shape.logic];
  if (logic.reference != kNone) {
    if (const Index found = find(logic.reference); found != kNone) return found;
  }
  for (const Range range : {logic.all_of, logic.any_of, logic.one_of}) {
    for (Index i = range.begin; i != range.end; ++i) {
      if (const Index found = find(program.shapes_of[i]); found != kNone) return found;
    }
  }
  return kNone;
}

}  // namespace

std::uint8_t types_of(const Program& program, Index index, int depth) {
  if (index == kNone || depth > kDeepest) return kAnyType;
  const Shape& shape = program.shapes[index];
  std::uint8_t types = shape.types;
  if (shape.logic == kNone) return types;
  const LogicRules& logic = program.logic[shape.logic];
  if (logic.reference != kNone) types &= types_of(program, logic.reference, depth + 1);
  for (Index i = logic.all_of.begin; i != logic.all_of.end; ++i)
    types &= types_of(program, program.shapes_of[i], depth + 1);
  for (const Range range : {logic.any_of, logic.one_of}) {
    std::uint8_t any = 0;
    for (Index i = range.begin; i != range.end; ++i) any |= types_of(program, program.shapes_of[i], depth + 1);
    if (!range.empty()) types &= any;
  }
  return types;
}

Index items_of(const Program& program, Index index, int depth) {
  if (index == kNone || depth > kDeepest) return kNone;
  const Shape& shape = program.shapes[index];
  if (shape.array != kNone && program.arrays[shape.array].items != kNone) return program.arrays[shape.array].items;
  return in_parts(program, shape, [&](Index part) { return items_of(program, part, depth + 1); });
}

Index member_of(const Program& program, Index index, std::string_view name, int depth) {
  if (index == kNone || depth > kDeepest) return kNone;
  const Shape& shape = program.shapes[index];
  if (shape.object != kNone) {
    const ObjectRules& rules = program.objects[shape.object];
    const Index found = program.find(rules, name, hash_text(name));
    if (found != kNone && program.properties[found].shape != kNone) return program.properties[found].shape;
    if (rules.additional != kNone) return rules.additional;
  }
  return in_parts(program, shape, [&](Index part) { return member_of(program, part, name, depth + 1); });
}

}  // namespace bulkhead::contracts
