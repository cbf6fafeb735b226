#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <re2/re2.h>

#include "conditions/arrays.hpp"
#include "conditions/ast.hpp"
#include "conditions/checker.hpp"
#include "conditions/mistake.hpp"

namespace bulkhead::conditions {

enum class Op : std::uint8_t {
  constant,  // constants[index]
  variable,  // slot `index`
  element,   // of loop `index` around it, counted from the outermost
  select,    // field constants[index] of the operand
  has,       // whether it is there
  logical_or,
  logical_and,
  conditional,
  call,
  matches,  // patterns[index] in the operand
  list,
  map,
  loop,  // its element is number `index`
};

// One expression. Its operands are Program::operands from `first` on, `count` of them, and stand before it.
struct Instruction {
  Op op = Op::constant;
  Function function = Function::to_dyn;  // of a call
  Loop loop = Loop::all;
  std::uint32_t offset = 0;  // in the source, for failures
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::uint32_t index = 0;
};

// What an expression is compiled to: immutable, so that any number of threads may evaluate it at once. Constants point
// into it, so that it moves but is not copied.
struct Program {
  Program() = default;
  Program(Program&&) noexcept = default;
  Program& operator=(Program&&) noexcept = default;

  std::vector<Instruction> instructions;
  std::vector<std::uint32_t> operands;
  std::vector<Value> constants;
  std::vector<std::unique_ptr<re2::RE2>> patterns;
  std::uint32_t root = 0;
  Type type;

  // What constants are made of. Of these, growing moves nothing.
  std::deque<std::string> texts;
  std::deque<std::vector<Value>> lists;
  std::deque<std::vector<MapEntry>> maps;
  std::deque<Elements> elements;
  std::deque<Entries> entries;
};

// Patterns are compiled here, and what has the same value for every request is computed here.
Checked<Program> make_program(const Ast& ast, const Meaning& meaning);

}  // namespace bulkhead::conditions
