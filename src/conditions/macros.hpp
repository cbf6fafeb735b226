#pragma once

#include <optional>
#include <string_view>

#include "conditions/ast.hpp"
#include "conditions/mistake.hpp"

namespace bulkhead::conditions {

// The loop that a call of this name with as many arguments means when something stands in front of it.
std::optional<Loop> loop_named(std::string_view name, std::size_t arguments);

// The loop that a call to `loop` stands for; `call` has the range and the arguments as children.
Checked<Node> expand_loop(const Ast& ast, Loop loop, Node call);

// What `has(x.field)` stands for.
Checked<Node> expand_has(const Ast& ast, const Node& call);

}  // namespace bulkhead::conditions
