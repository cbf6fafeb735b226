#include "conditions/condition.hpp"

#include <algorithm>
#include <optional>

#include "conditions/checker.hpp"
#include "conditions/cost.hpp"
#include "conditions/evaluate.hpp"
#include "conditions/parser.hpp"
#include "conditions/program.hpp"
#include "conditions/steps.hpp"

namespace bulkhead::conditions {

namespace {

constexpr std::size_t kLongestExcerpt = 24;

std::optional<Mistake> wrong_type(const Type& type) {
  if (type.kind() == Kind::boolean) return std::nullopt;
  if (type.kind() != Kind::dyn) return Mistake{fmt::format("a condition gives a bool, not {}", to_string(type))};
  return Mistake{
      "a condition gives a bool, and the type of this is known only when a request comes: compare it, as in x == true"};
}

std::optional<Mistake> too_dear(const Cost& cost) {
  if (cost.steps <= kMostSteps) return std::nullopt;
  return Mistake{
      fmt::format("the condition may take {} steps, of at most {}, with lists of {} elements and texts of {} bytes: "
                  "nest fewer loops",
                  cost.steps, kMostSteps, kAssumedElements, kAssumedBytes),
      cost.dearest_loop};
}

struct Made {
  Program program;
  std::uint64_t steps;
};

Checked<Made> make(std::string_view source, const Environment& environment) {
  const Checked<Ast> ast = parse(source);
  if (!ast) return std::unexpected(ast.error());
  const Checked<Meaning> meaning = check(*ast, environment);
  if (!meaning) return std::unexpected(meaning.error());
  if (auto mistake = wrong_type(meaning->types[ast->root])) return std::unexpected(std::move(*mistake));
  const Cost cost = estimate(*ast, *meaning);
  if (auto mistake = too_dear(cost)) return std::unexpected(std::move(*mistake));
  Checked<Program> program = make_program(*ast, *meaning);
  if (!program) return std::unexpected(std::move(program.error()));
  return Made{std::move(*program), cost.steps};
}

// The word or operator at `offset`.
std::string_view excerpt(std::string_view source, std::size_t offset) {
  const std::string_view rest = source.substr(std::min(offset, source.size()));
  const std::size_t end = std::min(rest.find_first_of(" \t\r\n.,()[]{}", 1), kLongestExcerpt);
  return rest.substr(0, end);
}

}  // namespace

Checked<Condition> Condition::compile(std::string_view source, const Environment& environment) {
  Checked<Made> made = make(source, environment);
  if (!made) return std::unexpected(position_in(source, std::move(made.error())));
  return Condition(std::string(source), std::make_shared<const Program>(std::move(made->program)), made->steps);
}

std::expected<bool, Failure> Condition::evaluate(const Activation& request, Arena& arena) const {
  arena.clear();
  const Value value = conditions::evaluate(*program_, request, arena).value;
  if (value.is_failure()) return std::unexpected(value.as_failure());
  if (!value.is(Kind::boolean)) return std::unexpected(Failure{Reason::no_such_overload});
  return value.as_bool();
}

std::string Condition::describe(const Failure& failure) const {
  const Mistake at = position_in(source_, {"", failure.offset});
  return fmt::format("{}: '{}' at {}:{} of the condition", to_string(failure.reason), excerpt(source_, failure.offset),
                     at.line, at.column);
}

bool Condition::reads(Slot slot) const {
  return std::ranges::any_of(program_->instructions,
                             [&](const Instruction& each) { return each.op == Op::variable && each.index == slot; });
}

std::vector<std::string> Condition::fields_of(Slot slot) const {
  const Program& program = *program_;
  const auto operand = [&](const Instruction& of, std::uint32_t number) -> const Instruction& {
    return program.instructions[program.operands[of.first + number]];
  };
  std::vector<std::string> names;
  for (const Instruction& each : program.instructions) {
    const bool selects = each.op == Op::select || each.op == Op::has;
    const bool indexes = each.op == Op::call && each.function == Function::index && operand(each, 1).op == Op::constant;
    if (!selects && !indexes) continue;
    if (operand(each, 0).op != Op::variable || operand(each, 0).index != slot) continue;
    const Value& name = program.constants[selects ? each.index : operand(each, 1).index];
    if (!name.is(Kind::string) || std::ranges::find(names, name.as_text()) != names.end()) continue;
    names.emplace_back(name.as_text());
  }
  return names;
}

}  // namespace bulkhead::conditions
