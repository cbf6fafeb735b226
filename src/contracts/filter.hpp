#pragma once

// Which members of a value its schema declares, and the value without the others. A member is declared if any schema
// that applies declares it: of `anyOf`, `oneOf` and `if` those that hold, or all where none does. An object about whose
// members no schema says anything is free-form, and kept. Of this folder.

#include <cstdint>
#include <string>
#include <vector>

#include "contracts/evaluator.hpp"

namespace bulkhead::contracts {

class Filter {
 public:
  // All are borrowed. `kept` is memory that is reused.
  Filter(const Program& program, const Json& body, Evaluator& evaluator, std::vector<std::uint8_t>& kept);

  // False where it was too costly: nothing else may be asked then.
  bool run(Index shape);
  // The names of members that are not declared, outermost only, in order.
  std::vector<Index> dropped() const;
  // The body without these members, appended.
  void write(std::string& out) const;

 private:
  enum Mark : std::uint8_t { kKept = 1, kDescribed = 2, kTouched = 4 };

  void declare(Index shape, Index at);
  void declare_items(const ArrayRules& rules, Index at);
  void declare_members(const ObjectRules& rules, Index at);
  void declare_logic(const LogicRules& rules, Index at);
  void declare_branches(Range range, Index at);
  bool touch(Index at);
  void find_dropped(Index at, std::vector<Index>& names) const;
  void write(Index at, std::string& out) const;
  bool is_dropped(Index object, Index name) const {
    return (marks_[object] & kDescribed) != 0 && (marks_[name] & kKept) == 0;
  }

  const Program& program_;
  const Json& body_;
  Evaluator& evaluator_;
  std::vector<std::uint8_t>& marks_;
  std::uint64_t steps_ = 0;
  int depth_ = 0;
  bool exhausted_ = false;
};

}  // namespace bulkhead::contracts
