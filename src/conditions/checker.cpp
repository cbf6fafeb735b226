#include "conditions/checker.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "conditions/inference.hpp"
#include "conditions/limits.hpp"
#include "conditions/names.hpp"

namespace bulkhead::conditions {

namespace {

std::string_view loop_name(Loop loop) {
  switch (loop) {
    case Loop::all: return "all";
    case Loop::exists: return "exists";
    case Loop::exists_one: return "exists_one";
    case Loop::filter: return "filter";
    case Loop::map: return "map";
  }
  return "";
}

bool can_be_key(const Type& type) {
  switch (type.kind()) {
    case Kind::boolean:
    case Kind::int64:
    case Kind::uint64:
    case Kind::string:
    case Kind::dyn:
    case Kind::variable: return true;
    default: return false;
  }
}

// A function that answers nothing has left its reason in mistake_.
class Checker {
 public:
  Checker(const Ast& ast, const Environment& environment) : ast_(ast), environment_(environment) {
    meaning_.types.resize(ast.nodes.size());
    meaning_.targets.resize(ast.nodes.size());
    meaning_.functions.resize(ast.nodes.size());
  }

  Checked<Meaning> run() {
    if (!check(ast_.root)) return std::unexpected(std::move(*mistake_));
    for (Type& type : meaning_.types) type = types_.resolved(type, true);
    return std::move(meaning_);
  }

 private:
  using Found = std::optional<Type>;

  std::nullopt_t refuse(std::size_t offset, std::string message) {
    if (!mistake_) mistake_ = Mistake{std::move(message), offset};
    return std::nullopt;
  }

  Found check(NodeId id, std::string_view whole = {}) {
    Found type = type_of(id, whole);
    if (type) meaning_.types[id] = *type;
    return type;
  }

  // `whole` is the name with dots that this node is the beginning of, "" where it stands alone.
  Found type_of(NodeId id, std::string_view whole) {
    const Node& node = ast_.nodes[id];
    switch (node.kind) {
      case NodeKind::constant: return Type(node.constant.kind());
      case NodeKind::name: return name(id, whole);
      case NodeKind::select: return select(id, whole);
      case NodeKind::has: return field(node, {}) ? Found(Kind::boolean) : std::nullopt;
      case NodeKind::call: return call(id);
      case NodeKind::list: return list(node);
      case NodeKind::map: return map(node);
      case NodeKind::loop: return loop(node);
    }
    return std::nullopt;
  }

  // "a.b.c" where a node is nothing but names and dots; "" else. Not for the elements of loops.
  std::string dotted(NodeId id) const {
    const Node& node = ast_.nodes[id];
    if (node.kind == NodeKind::name) return !node.absolute && element(node.text) ? "" : node.text;
    if (node.kind != NodeKind::select || node.quoted) return "";
    const std::string front = dotted(node.children[0]);
    return front.empty() ? "" : front + "." + node.text;
  }

  std::optional<std::size_t> element(std::string_view name) const {
    for (std::size_t i = elements_.size(); i > 0; --i) {
      if (elements_[i - 1] == name) return i - 1;
    }
    return std::nullopt;
  }

  // What a name with dots means by itself.
  Found declared(NodeId id, std::string_view name) {
    if (const Slot slot = environment_.find(name); slot < environment_.variables().size()) {
      meaning_.targets[id] = {Target::Is::variable, slot};
      return environment_.variables()[slot].type;
    }
    const auto kind = kind_named(name);
    if (!kind) return std::nullopt;
    meaning_.targets[id] = {Target::Is::type, static_cast<std::uint32_t>(*kind)};
    if (*kind == Kind::list) return Type::of_types(Type::list(Kind::dyn));
    if (*kind == Kind::map) return Type::of_types(Type::map(Kind::dyn, Kind::dyn));
    return Type::of_types(*kind);
  }

  Found name(NodeId id, std::string_view whole) {
    const Node& node = ast_.nodes[id];
    const auto of_loop = node.absolute ? std::nullopt : element(node.text);
    if (of_loop) {
      meaning_.targets[id] = {Target::Is::element, static_cast<std::uint32_t>(*of_loop)};
      return element_types_[*of_loop];
    }
    if (Found type = declared(id, node.text)) return type;
    return refuse(node.offset, unknown_name(whole.empty() ? node.text : whole, environment_, elements_));
  }

  Found select(NodeId id, std::string_view whole) {
    const std::string own = dotted(id);
    if (!own.empty()) {
      if (Found type = declared(id, own)) return type;
    }
    return field(ast_.nodes[id], whole.empty() ? own : whole);
  }

  Found field(const Node& node, std::string_view whole) {
    const Found of = check(node.children[0], whole);
    if (!of) return std::nullopt;
    const Type type = types_.resolved(*of);
    if (type.kind() == Kind::dyn || type.kind() == Kind::variable) return Type(Kind::dyn);
    if (type.kind() == Kind::map && types_.fits(Kind::string, type.parameters()[0])) return type.parameters()[1];
    return refuse(node.offset, fmt::format("there is no field '{}': {} has none", node.text, to_string(type)));
  }

  Found call(NodeId id) {
    const Node& node = ast_.nodes[id];
    std::vector<Type> arguments;
    for (const NodeId child : node.children) {
      const Found type = check(child);
      if (!type) return std::nullopt;
      arguments.push_back(*type);
    }
    if (arguments.size() > 2 && (node.text == "_&&_" || node.text == "_||_")) return chain(id, arguments);
    return overload(id, arguments);
  }

  // More than two operands of && or ||: each with the same, which is bool.
  Found chain(NodeId id, const std::vector<Type>& arguments) {
    Found type;
    for (const Type& argument : arguments) {
      type = overload(id, {argument, Type(Kind::boolean)});
      if (!type) break;
    }
    return type;
  }

  Found overload(NodeId id, const std::vector<Type>& arguments) {
    const Node& node = ast_.nodes[id];
    Found result;
    for (const Overload& each : overloads()) {
      if (each.name != node.text || each.member != node.member) continue;
      Inference::Renaming renaming;
      std::vector<Type> parameters;
      for (const Type& parameter : each.parameters) parameters.push_back(types_.renamed(parameter, renaming));
      if (!types_.fit(arguments, parameters)) continue;
      const Type type = types_.resolved(types_.renamed(each.result, renaming));
      meaning_.functions[id] = each.function;
      result = !result || *result == type ? type : Type(Kind::dyn);
    }
    if (result) return result;
    std::vector<Type> resolved;
    for (const Type& argument : arguments) resolved.push_back(types_.resolved(argument));
    return refuse(node.offset, unknown_call(node.text, node.member, resolved));
  }

  Found list(const Node& node) {
    Found element;
    for (const NodeId child : node.children) {
      const Found type = check(child);
      if (!type) return std::nullopt;
      element = element ? types_.joined(*element, *type) : *type;
    }
    return Type::list(element ? *element : types_.fresh());
  }

  Found map(const Node& node) {
    Found key;
    Found value;
    for (std::size_t i = 0; i < node.children.size(); i += 2) {
      const Found key_type = check(node.children[i]);
      if (!key_type) return std::nullopt;
      if (!can_be_key(types_.resolved(*key_type))) {
        return refuse(
            ast_.nodes[node.children[i]].offset,
            fmt::format("a map's key is a bool, int, uint or string, not {}", to_string(types_.resolved(*key_type))));
      }
      const Found value_type = check(node.children[i + 1]);
      if (!value_type) return std::nullopt;
      key = key ? types_.joined(*key, *key_type) : *key_type;
      value = value ? types_.joined(*value, *value_type) : *value_type;
    }
    return Type::map(key ? *key : types_.fresh(), value ? *value : types_.fresh());
  }

  // The type of what a loop over that range has at each turn.
  Found element_of(const Node& node, const Type& range) {
    switch (range.kind()) {
      case Kind::list:
      case Kind::map: return range.parameters()[0];
      case Kind::dyn:
      case Kind::variable: return Type(Kind::dyn);
      default:
        return refuse(node.offset, fmt::format("{}() goes over lists and the keys of maps, not over {}",
                                               loop_name(node.loop), to_string(range)));
    }
  }

  Found loop(const Node& node) {
    const Found range = check(node.children[0]);
    if (!range) return std::nullopt;
    const Found element = element_of(node, types_.resolved(*range));
    if (!element) return std::nullopt;
    if (elements_.size() == static_cast<std::size_t>(kMostLoops)) {
      return refuse(node.offset, fmt::format("more than {} loops are nested here", kMostLoops));
    }
    elements_.push_back(node.text);
    element_types_.push_back(*element);
    const Found body = loop_body(node, *element);
    elements_.pop_back();
    element_types_.pop_back();
    return body;
  }

  Found loop_body(const Node& node, const Type& element) {
    const bool maps = node.loop == Loop::map;
    Found last;
    for (std::size_t i = 1; i < node.children.size(); ++i) {
      last = check(node.children[i]);
      if (!last) return std::nullopt;
      const bool decides = !maps || i + 1 < node.children.size();
      if (decides && !types_.fits(*last, Kind::boolean)) {
        return refuse(ast_.nodes[node.children[i]].offset,
                      fmt::format("{}() asks for a bool of each element, not {}", loop_name(node.loop),
                                  to_string(types_.resolved(*last))));
      }
    }
    if (maps) return Type::list(*last);
    return node.loop == Loop::filter ? Type::list(element) : Type(Kind::boolean);
  }

  const Ast& ast_;
  const Environment& environment_;
  Inference types_;
  Meaning meaning_;
  std::vector<std::string> elements_;
  std::vector<Type> element_types_;
  std::optional<Mistake> mistake_;
};

}  // namespace

Checked<Meaning> check(const Ast& ast, const Environment& environment) { return Checker(ast, environment).run(); }

}  // namespace bulkhead::conditions
