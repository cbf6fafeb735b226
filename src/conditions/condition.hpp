#pragma once

// Conditions on calls and routes, in the Common Expression Language (cel-spec, doc/langdef.md): what of it we have is
// in docs/conditions.md. Compiled once, evaluated for every request.
//
//   user.claims.tier == "gold" && request.path.startsWith("/v2/")

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conditions/arena.hpp"
#include "conditions/environment.hpp"
#include "conditions/mistake.hpp"
#include "conditions/value.hpp"

namespace bulkhead::conditions {

struct Program;

// A compiled condition. Immutable: copies share it, and any number of threads may evaluate it at once.
class Condition {
 public:
  // Refuses what does not parse, does not fit the types of `environment`, gives no bool, or may take too many steps.
  // The environment is not kept, but slots are those of its variables.
  static Checked<Condition> compile(std::string_view source, const Environment& environment);

  // Whether it holds for this request. Whoever enforces takes a failure for no. Clears `arena` first; allocates nothing
  // but in it, except that RE2 keeps what it learns of texts (at most 1 MiB a pattern).
  std::expected<bool, Failure> evaluate(const Activation& request, Arena& arena) const;

  // One line for the log: what failed, and where. Holds no value of the request.
  std::string describe(const Failure& failure) const;

  const std::string& source() const { return source_; }
  bool reads(Slot slot) const;  // whether it may ask for that variable
  // The fields of that variable, a map, which it names: `a` of `x.a`, `has(x.a)` and `x["a"]`; each once.
  std::vector<std::string> fields_of(Slot slot) const;
  std::uint64_t steps() const { return steps_; }  // that a request as cost.hpp assumes it takes at most

 private:
  Condition(std::string source, std::shared_ptr<const Program> program, std::uint64_t steps)
      : source_(std::move(source)), program_(std::move(program)), steps_(steps) {}

  std::string source_;
  std::shared_ptr<const Program> program_;
  std::uint64_t steps_;
};

}  // namespace bulkhead::conditions
