#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "conditions/type.hpp"
#include "conditions/value.hpp"

namespace bulkhead::conditions {

// Which variable of an environment: its position in the order of declaration.
using Slot = std::uint32_t;

// The names that expressions may use, with their types. A name may have dots: `request.path` is one variable, and
// where `user` and `user.claims` are both declared, the longest name is meant. Made while starting, read by any thread.
class Environment {
 public:
  struct Variable {
    std::string name;
    Type type;
  };

  // `name` is identifiers joined by dots, declared once (asserted: it is written in our code, not by users).
  Slot declare(std::string name, Type type);

  const std::vector<Variable>& variables() const { return variables_; }
  // The slot of exactly that name; variables().size() where there is none.
  Slot find(std::string_view name) const;

 private:
  std::vector<Variable> variables_;
};

// The values of one request. Asked only for what an evaluation needs, and each time that it needs it; the value should
// be of the declared type, and is a failure of the expression where it is not. Neither allocates nor throws.
class Activation {
 public:
  virtual Value value(Slot slot) const = 0;

 protected:
  ~Activation() = default;
};

}  // namespace bulkhead::conditions
