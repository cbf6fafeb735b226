#pragma once

#include <optional>
#include <vector>

#include "conditions/type.hpp"

namespace bulkhead::conditions {

// What type variables stand for, found while an expression is checked (cel-spec, langdef: "Gradual Type Checking").
class Inference {
 public:
  Type fresh();  // a variable that nothing is known of

  // `type` with a fresh variable for each of its own, the same for all types that one `Renaming` is used with.
  using Renaming = std::vector<std::optional<Type>>;
  Type renamed(const Type& type, Renaming& renaming);

  // Whether a value of type `given` can stand where `wanted` is wanted; variables are bound as far as that takes.
  bool fits(const Type& given, const Type& wanted);
  // The same for several, of which nothing is bound where one does not fit.
  bool fit(const std::vector<Type>& given, const std::vector<Type>& wanted);

  // The type that holds values of both: the more general, or dyn.
  Type joined(const Type& a, const Type& b);

  // With what is known of variables; what is not known is dyn where `final`.
  Type resolved(const Type& type, bool final = false) const;

 private:
  struct Change {
    int variable;
    std::optional<Type> before;
  };

  bool bind(int variable, const Type& type);
  bool occurs(int variable, const Type& type) const;
  bool is_more_general(const Type& a, const Type& b) const;

  void set(int variable, Type type);
  void undo(std::size_t changes);  // all but the first ones

  std::vector<Change> changes_;
  std::vector<std::optional<Type>> bound_;  // by the variable's number
};

}  // namespace bulkhead::conditions
