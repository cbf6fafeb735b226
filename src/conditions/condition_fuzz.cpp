// A condition up to the first NUL byte, and behind it what a request brings: its path, which is also a claim.

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "conditions/condition.hpp"
#include "conditions/evaluate.hpp"
#include "conditions/parser.hpp"
#include "conditions/program.hpp"
#include "conditions/sample.hpp"
#include "conditions/steps.hpp"

namespace {

using namespace bulkhead::conditions;

void require(bool holds) {
  if (!holds) std::abort();
}

void evaluate_twice(const Condition& condition, const sample::Request& request) {
  Arena arena;
  const auto first = condition.evaluate(request, arena);
  const auto second = condition.evaluate(request, arena);
  require(first == second);
  if (first) return;
  require(first.error().offset <= condition.source().size());
  require(!condition.describe(first.error()).empty());
}

// Of any type, as a condition's parts are.
void evaluate_any(std::string_view source, const Environment& environment, const sample::Request& request) {
  const auto ast = parse(source);
  if (!ast) return;
  const auto meaning = check(*ast, environment);
  if (!meaning) return;
  const auto program = make_program(*ast, *meaning);
  if (!program) return;
  Arena arena;
  const Outcome outcome = evaluate(*program, request, arena);
  require(outcome.steps <= kMostSteps);
  const Type& type = meaning->types[ast->root];
  const bool is_known = type.kind() != Kind::dyn;
  require(outcome.value.is_failure() || !is_known || outcome.value.kind() == type.kind());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Environment kEnvironment = sample::Request::environment();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view source = input.substr(0, input.find('\0'));
  sample::Request request;
  request.path_text = input.substr(std::min(source.size() + 1, input.size()));
  sample::json user = request.user->json();
  user["claims"]["path"] = request.path_text;
  request.user.emplace(std::move(user));
  const auto condition = Condition::compile(source, kEnvironment);
  if (condition) {
    evaluate_twice(*condition, request);
  } else {
    require(!condition.error().message.empty() && condition.error().offset <= source.size());
  }
  evaluate_any(source, kEnvironment, request);
  return 0;
}
