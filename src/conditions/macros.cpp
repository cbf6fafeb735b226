#include "conditions/macros.hpp"

#include <array>

namespace bulkhead::conditions {

namespace {

struct Macro {
  std::string_view name;
  std::size_t arguments;
  Loop loop;
};

constexpr std::array<Macro, 7> kMacros = {{
    {"all", 2, Loop::all},
    {"exists", 2, Loop::exists},
    {"exists_one", 2, Loop::exists_one},
    {"existsOne", 2, Loop::exists_one},
    {"filter", 2, Loop::filter},
    {"map", 2, Loop::map},
    {"map", 3, Loop::map},
}};

}  // namespace

std::optional<Loop> loop_named(std::string_view name, std::size_t arguments) {
  for (const Macro& macro : kMacros) {
    if (macro.name == name && macro.arguments == arguments) return macro.loop;
  }
  return std::nullopt;
}

Checked<Node> expand_loop(const Ast& ast, Loop loop, Node call) {
  const Node& element = ast.nodes[call.children[1]];
  if (element.kind != NodeKind::name || element.absolute) {
    return mistaken(element.offset, "the first argument of {}() is a name for each element, as in xs.{}(x, x > 0)",
                    call.text, call.text);
  }
  Node node = std::move(call);
  node.kind = NodeKind::loop;
  node.loop = loop;
  node.text = element.text;
  node.children.erase(node.children.begin() + 1);
  return node;
}

Checked<Node> expand_has(const Ast& ast, const Node& call) {
  const Node* field = call.children.size() == 1 ? &ast.nodes[call.children[0]] : nullptr;
  if (field == nullptr || field->kind != NodeKind::select) {
    return mistaken(call.offset, "has() takes one field, as in has(user.claims.tier)");
  }
  Node node = *field;
  node.kind = NodeKind::has;
  return node;
}

}  // namespace bulkhead::conditions
