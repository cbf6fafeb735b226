#pragma once

// Whether a value is as a compiled schema says.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "contracts/equal.hpp"
#include "contracts/program.hpp"

namespace bulkhead::contracts {

// The first thing that is wrong. Nothing of it repeats the value, which may be personal; names of members it does: what
// of them may be told sensitive.hpp says.
struct Failure {
  std::string pointer;  // to the value (RFC 6901)
  std::string rule;     // "#/components/schemas/Item/properties/price/minimum": the keyword in its document
  std::string keyword;  // "minimum"
  std::string message;  // "is below 0"
  Index at = 0;         // the value, in the body
};

// More than this is refused as too costly: a schema can be written so that its cost grows with a power of the value's
// depth.
inline constexpr std::uint64_t kMostSteps = 10'000'000;
inline constexpr int kDeepestSteps = 1000;

// Keeps its memory from one value to the next. Of one thread.
class Evaluator {
 public:
  // Nothing where the value at `at` of `body` is valid.
  std::optional<Failure> check(const Program& program, Index shape, const Json& body, Index at = 0,
                               Direction direction = Direction::any);

  // Begins a body of which several values are asked; the steps of all of them count.
  void begin(const Program& program, const Json& body, Direction direction);
  bool is_valid(Index shape, Index at);
  // Too many steps were taken: every answer is false.
  bool is_exhausted() const { return exhausted_; }

 private:
  bool evaluate(Index shape, Index at, Index seen);
  bool rules(Index shape, Index at, Index seen);
  bool scalar(Index shape, Index at);
  bool has_type(const Shape& shape, Index at) const;
  bool literals(Index shape, Index at);
  bool number(Index shape, Index at);
  bool string(Index shape, Index at);
  bool array(Index shape, Index at, Index seen);
  bool items(Index shape, Index at, Index seen);
  bool contains(Index shape, Index at, Index seen);
  bool object(Index shape, Index at, Index seen);
  bool member(Index shape, const ObjectRules& rules, Index name, Index property, bool& known);
  bool dependencies(Index shape, const ObjectRules& rules, Index at, Index seen);
  bool logic(Index shape, Index at, Index seen);
  bool branch(Index shape, Index at, Index seen);
  bool any_of(const LogicRules& rules, Index at, Index seen);
  int one_of(const LogicRules& rules, Index at, Index seen);
  bool unevaluated(Index shape, Index at, Index seen);
  Index dynamic_target(const LogicRules& rules) const;

  // Sets of children of one value that some schema has evaluated, each known by where its bits begin.
  Index open_seen(Index at);
  void close_seen(Index set, Index into);
  void mark(Index set, Index child) {
    if (set != kNone) bits_[set + child / 64] |= std::uint64_t{1} << child % 64;
  }
  void mark_all(Index set, Index at);
  bool is_marked(Index set, Index child) const { return (bits_[set + child / 64] >> child % 64 & 1U) != 0; }

  template <class... Args>
  bool fail(Index shape, Index at, std::string_view keyword, fmt::format_string<Args...> format, Args&&... args) {
    if (quiet_ == 0 && !failure_) record(shape, at, keyword, fmt::format(format, std::forward<Args>(args)...));
    return false;
  }
  bool fail_required(Index shape, const ObjectRules& rules, Index at);
  void record(Index shape, Index at, std::string_view keyword, std::string message);
  bool exhaust(Index shape, Index at);

  const Program* program_ = nullptr;
  const Json* body_ = nullptr;
  Direction direction_ = Direction::any;
  std::uint64_t steps_ = 0;
  int depth_ = 0;
  int quiet_ = 0;  // within this many branches, whose failure is no failure of the value
  bool exhausted_ = false;
  std::optional<Failure> failure_;
  std::vector<std::uint64_t> bits_;
  std::vector<Index> scope_;  // resources entered, where references are dynamic
  Equality equality_;
};

}  // namespace bulkhead::contracts
