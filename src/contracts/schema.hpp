#pragma once

// JSON Schema alone: one document compiled, values checked against it. Draft 2020-12 and draft 4; `format` is an
// annotation. Contracts of services are contract.hpp's.

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "contracts/dialect.hpp"
#include "contracts/evaluator.hpp"

namespace bulkhead::contracts {

// Other documents that references may lead to, by their URIs. Nothing else is ever fetched.
using Documents = std::map<std::string, const Node*, std::less<>>;

// Immutable; checked from any thread, with an Evaluator for each.
class Schema {
 public:
  // `file` is named in faults. Nodes are needed for the call alone.
  static Result<Schema> compile(const Node& root, Dialect dialect, std::string_view file, const Documents& others = {});

  std::optional<Failure> check(const Json& body, Evaluator& evaluator) const {
    return evaluator.check(*program_, root_, body);
  }

 private:
  Schema(std::shared_ptr<const Program> program, Index root) : program_(std::move(program)), root_(root) {}
  std::shared_ptr<const Program> program_;
  Index root_;
};

}  // namespace bulkhead::contracts
