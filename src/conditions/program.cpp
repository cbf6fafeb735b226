#include "conditions/program.hpp"

#include <algorithm>
#include <optional>

#include "conditions/evaluate.hpp"
#include "conditions/limits.hpp"
#include "conditions/time.hpp"

namespace bulkhead::conditions {

namespace {

constexpr std::size_t kFoldingMemory = 64 * kLongestSource;
constexpr std::int64_t kPatternMemory = 1 << 20;  // bytes: RE2's program and the states that it keeps

class Nothing final : public Activation {
 public:
  Value value(Slot) const override { return {}; }
};

class Maker {
 public:
  Maker(const Ast& ast, const Meaning& meaning) : ast_(ast), meaning_(meaning), arena_(kFoldingMemory) {}

  Checked<Program> run() {
    const auto root = make(ast_.root);
    if (!root) return std::unexpected(std::move(*mistake_));
    program_.root = *root;
    program_.type = meaning_.types[ast_.root];
    return std::move(program_);
  }

 private:
  using Made = std::optional<std::uint32_t>;  // nothing: the reason is in mistake_

  std::nullopt_t refuse(std::size_t offset, std::string message) {
    mistake_ = Mistake{std::move(message), offset};
    return std::nullopt;
  }

  Made make(NodeId id) {
    const Node& node = ast_.nodes[id];
    Instruction instruction;
    instruction.offset = node.offset;
    if (!set_operation(instruction, id)) return std::nullopt;
    std::vector<std::uint32_t> operands;
    if (!make_operands(instruction, id, operands)) return std::nullopt;
    instruction.first = static_cast<std::uint32_t>(program_.operands.size());
    instruction.count = static_cast<std::uint32_t>(operands.size());
    program_.operands.insert(program_.operands.end(), operands.begin(), operands.end());
    program_.instructions.push_back(instruction);
    const auto made = static_cast<std::uint32_t>(program_.instructions.size() - 1);
    return is_foldable(instruction) ? fold(made) : Made(made);
  }

  bool set_operation(Instruction& to, NodeId id) {
    const Node& node = ast_.nodes[id];
    switch (node.kind) {
      case NodeKind::constant: to.index = constant(node.constant); return true;
      case NodeKind::name: set_name(to, meaning_.targets[id]); return true;
      case NodeKind::select:
        if (meaning_.targets[id].is != Target::Is::field) {
          set_name(to, meaning_.targets[id]);
          return true;
        }
        [[fallthrough]];
      case NodeKind::has:
        to.op = node.kind == NodeKind::has ? Op::has : Op::select;
        to.index = constant(Value::string(node.text));
        return true;
      case NodeKind::call: return set_call(to, id);
      case NodeKind::list: to.op = Op::list; return true;
      case NodeKind::map: to.op = Op::map; return true;
      case NodeKind::loop:
        to.op = Op::loop;
        to.loop = node.loop;
        to.index = loops_;
        return true;
    }
    return false;
  }

  void set_name(Instruction& to, const Target& target) {
    if (target.is == Target::Is::type) {
      to.index = constant(Value::type(static_cast<Kind>(target.index)));
    } else {
      to.op = target.is == Target::Is::variable ? Op::variable : Op::element;
      to.index = target.index;
    }
  }

  bool set_call(Instruction& to, NodeId id) {
    to.function = meaning_.functions[id];
    switch (to.function) {
      case Function::logical_or: to.op = Op::logical_or; return true;
      case Function::logical_and: to.op = Op::logical_and; return true;
      case Function::conditional: to.op = Op::conditional; return true;
      case Function::matches: to.op = Op::matches; return set_pattern(to, ast_.nodes[ast_.nodes[id].children[1]]);
      default:
        to.op = Op::call;
        return to.function < Function::get_full_year || to.function > Function::get_milliseconds ||
               has_zone(ast_.nodes[id]);
    }
  }

  // Whether a zone that is written out is one that we know.
  bool has_zone(const Node& call) {
    const Node* zone = call.children.size() == 2 ? &ast_.nodes[call.children[1]] : nullptr;
    if (zone == nullptr || zone->kind != NodeKind::constant || read_zone(zone->constant.as_text())) return true;
    refuse(zone->offset, "a time zone is UTC or an offset such as +01:00: conditions know no names of zones");
    return false;
  }

  bool set_pattern(Instruction& to, const Node& pattern) {
    if (pattern.kind != NodeKind::constant) {
      refuse(pattern.offset,
             "the pattern of matches() is a text that stands in the condition, so that it is read once");
      return false;
    }
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kPatternMemory);
    const std::string_view text = pattern.constant.as_text();
    auto compiled = std::make_unique<re2::RE2>(re2::StringPiece(text.data(), text.size()), options);
    if (!compiled->ok()) {
      refuse(pattern.offset, fmt::format("this is no regular expression of RE2: {}", compiled->error()));
      return false;
    }
    to.index = static_cast<std::uint32_t>(program_.patterns.size());
    program_.patterns.push_back(std::move(compiled));
    return true;
  }

  bool make_operands(const Instruction& of, NodeId id, std::vector<std::uint32_t>& operands) {
    const Node& node = ast_.nodes[id];
    if (of.op == Op::constant || of.op == Op::variable || of.op == Op::element) return true;
    const std::size_t count = of.op == Op::matches ? 1 : node.children.size();
    for (std::size_t i = 0; i < count; ++i) {
      const bool in_loop = of.op == Op::loop && i > 0;
      loops_ += in_loop ? 1 : 0;
      const Made operand = make(node.children[i]);
      loops_ -= in_loop ? 1 : 0;
      if (!operand) return false;
      operands.push_back(*operand);
    }
    return true;
  }

  bool is_foldable(const Instruction& instruction) const {
    switch (instruction.op) {
      case Op::call:
      case Op::list:
      case Op::map:
      case Op::select:
      case Op::has: break;
      default: return false;
    }
    const auto* first = program_.operands.data() + instruction.first;
    return std::all_of(first, first + instruction.count,
                       [&](std::uint32_t each) { return program_.instructions[each].op == Op::constant; });
  }

  // Computes what depends on no request. What fails stays, as || and && may make it harmless, but for texts that can
  // never be read.
  Made fold(std::uint32_t made) {
    Instruction& instruction = program_.instructions[made];
    arena_.clear();
    program_.root = made;
    const Value value = evaluate(program_, Nothing(), arena_).value;
    if (!value.is_failure()) {
      instruction = Instruction{.offset = instruction.offset, .index = constant(value)};
      return made;
    }
    const Reason reason = value.as_failure().reason;
    const bool time = reason == Reason::unreadable && instruction.function == Function::to_timestamp;
    const bool duration = reason == Reason::unreadable && instruction.function == Function::to_duration;
    if (time) return refuse(instruction.offset, "this is no timestamp: one is written 2026-01-31T09:30:00Z");
    if (duration) return refuse(instruction.offset, "this is no duration: one is written 1h30m, 20s or 150ms");
    return made;
  }

  std::uint32_t constant(Value value) {
    program_.constants.push_back(kept(value));
    return static_cast<std::uint32_t>(program_.constants.size() - 1);
  }

  // The same value, made of what the program owns.
  Value kept(const Value& value) {
    switch (value.kind()) {
      case Kind::string: return Value::string(program_.texts.emplace_back(value.as_text()));
      case Kind::bytes: return Value::bytes(program_.texts.emplace_back(value.as_text()));
      case Kind::list: return kept_list(value);
      case Kind::map: return kept_map(value);
      default: return value;
    }
  }

  Value kept_list(const Value& value) {
    std::vector<Value> values;
    for (std::size_t i = 0, size = value.list_size(); i < size; ++i) values.push_back(kept(value.element(i)));
    return list_of(&program_.elements.emplace_back(program_.lists.emplace_back(std::move(values))));
  }

  Value kept_map(const Value& value) {
    std::vector<MapEntry> entries;
    for (std::size_t i = 0, size = value.map_size(); i < size; ++i) {
      const MapEntry entry = value.entry(i);
      entries.push_back({kept(entry.key), kept(entry.value)});
    }
    return map_of(&program_.entries.emplace_back(program_.maps.emplace_back(std::move(entries))));
  }

  const Ast& ast_;
  const Meaning& meaning_;
  Arena arena_;
  std::uint32_t loops_ = 0;  // around what is made
  Program program_;
  std::optional<Mistake> mistake_;
};

}  // namespace

Checked<Program> make_program(const Ast& ast, const Meaning& meaning) { return Maker(ast, meaning).run(); }

}  // namespace bulkhead::conditions
