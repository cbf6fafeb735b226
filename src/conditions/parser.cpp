#include "conditions/parser.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "conditions/lexer.hpp"
#include "conditions/limits.hpp"
#include "conditions/literal.hpp"
#include "conditions/macros.hpp"
#include "conditions/text.hpp"

namespace bulkhead::conditions {

namespace {

constexpr std::array<std::string_view, 18> kReserved = {"as",        "break",  "const",  "continue", "else",  "for",
                                                        "function",  "if",     "import", "let",      "loop",  "package",
                                                        "namespace", "return", "var",    "void",     "while", "in"};

struct Operator {
  std::string_view symbol;
  std::string_view function;
  int binding;  // how tightly
};

constexpr std::array<Operator, 14> kOperators = {{
    {"||", "_||_", 1},
    {"&&", "_&&_", 2},
    {"<", "_<_", 3},
    {"<=", "_<=_", 3},
    {">", "_>_", 3},
    {">=", "_>=_", 3},
    {"==", "_==_", 3},
    {"!=", "_!=_", 3},
    {"in", "@in", 3},
    {"+", "_+_", 4},
    {"-", "_-_", 4},
    {"*", "_*_", 5},
    {"/", "_/_", 5},
    {"%", "_%_", 5},
}};

constexpr int kJoins = 2;  // up to here: || and &&

bool is_number(const Token& token) {
  return token.kind == TokenKind::int64 || token.kind == TokenKind::uint64 || token.kind == TokenKind::float64;
}

// Recursive descent. A function that answers nothing has left its reason in mistake_.
class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  Checked<Ast> read() {
    const auto root = expression();
    if (root && peek().kind != TokenKind::end)
      refuse(peek().offset, "unexpected '{}' behind the end of the expression", peek().text);
    if (mistake_) return std::unexpected(std::move(*mistake_));
    ast_.root = *root;
    return std::move(ast_);
  }

 private:
  using Parsed = std::optional<NodeId>;

  const Token& peek(std::size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  bool is(std::string_view symbol, std::size_t ahead = 0) const {
    return peek(ahead).kind == TokenKind::symbol && peek(ahead).text == symbol;
  }
  bool take(std::string_view symbol) {
    const bool found = is(symbol);
    if (found) ++at_;
    return found;
  }

  template <class... Args>
  std::nullopt_t refuse(std::size_t offset, fmt::format_string<Args...> format, Args&&... args) {
    if (!mistake_) mistake_ = Mistake{fmt::format(format, std::forward<Args>(args)...), offset};
    return std::nullopt;
  }

  std::nullopt_t unexpected(std::string_view wanted) {
    if (peek().kind == TokenKind::end)
      return refuse(peek().offset, "the expression ends where {} should follow", wanted);
    return refuse(peek().offset, "unexpected '{}' where {} should follow", peek().text, wanted);
  }

  bool expect(std::string_view symbol) {
    if (take(symbol)) return true;
    unexpected(fmt::format("'{}'", symbol));
    return false;
  }

  Parsed add(Node node) {
    for (const NodeId child : node.children) node.depth = std::max(node.depth, ast_.nodes[child].depth + 1);
    if (node.depth > kDeepestTree) return refuse(node.offset, "more than {} operations are nested here", kDeepestTree);
    ast_.nodes.push_back(std::move(node));
    return static_cast<NodeId>(ast_.nodes.size() - 1);
  }

  Parsed add_call(std::string_view function, std::size_t offset, std::vector<NodeId> arguments) {
    Node node = at(NodeKind::call, offset);
    node.text = function;
    node.children = std::move(arguments);
    return add(std::move(node));
  }

  Parsed add_constant(std::size_t offset, Value value) {
    Node node = at(NodeKind::constant, offset);
    node.constant = value;
    return add(std::move(node));
  }

  static Node at(NodeKind kind, std::size_t offset) {
    Node node;
    node.kind = kind;
    node.offset = static_cast<std::uint32_t>(offset);
    return node;
  }

  Parsed expression() {
    if (++nesting_ > kDeepestNesting)
      return refuse(peek().offset, "more than {} expressions are nested here", kDeepestNesting);
    const Parsed result = conditional();
    --nesting_;
    return result;
  }

  Parsed conditional() {
    const Parsed condition = binary(1);
    if (!condition || !is("?")) return condition;
    const std::size_t offset = tokens_[at_++].offset;
    const Parsed yes = binary(1);
    if (!yes || !expect(":")) return std::nullopt;
    const Parsed no = expression();
    if (!no) return std::nullopt;
    return add_call("_?_:_", offset, {*condition, *yes, *no});
  }

  const Operator* operator_here() const {
    if (peek().kind != TokenKind::symbol && peek().text != "in") return nullptr;
    const auto* found = std::ranges::find(kOperators, peek().text, &Operator::symbol);
    return found != kOperators.end() ? found : nullptr;
  }

  // Operators that bind at least as tightly as `binding`, the left ones first.
  Parsed binary(int binding) {
    Parsed left = unary();
    const Operator* found = nullptr;
    while (left && (found = operator_here()) != nullptr && found->binding >= binding) {
      left = found->binding <= kJoins ? chain(*left, *found) : pair(*left, *found);
    }
    return left;
  }

  Parsed pair(NodeId left, const Operator& found) {
    const std::size_t offset = tokens_[at_++].offset;
    const Parsed right = binary(found.binding + 1);
    return right ? add_call(found.function, offset, {left, *right}) : std::nullopt;
  }

  // `a && b && c` is one call of three, so that long chains are not deep.
  Parsed chain(NodeId left, const Operator& found) {
    const std::size_t offset = peek().offset;
    std::vector<NodeId> operands{left};
    while (operator_here() == &found) {
      ++at_;
      const Parsed operand = binary(found.binding + 1);
      if (!operand) return std::nullopt;
      operands.push_back(*operand);
    }
    return add_call(found.function, offset, std::move(operands));
  }

  Parsed unary() {
    std::vector<std::size_t> offsets;
    const std::string_view sign = is("!") ? "!" : "-";
    while (is(sign)) offsets.push_back(tokens_[at_++].offset);
    const bool negative = sign == "-" && !offsets.empty() && is_number(peek()) && peek().kind != TokenKind::uint64;
    if (negative) offsets.pop_back();
    Parsed node = member(negative);
    while (node && !offsets.empty()) {
      node = add_call(sign == "!" ? "!_" : "-_", offsets.back(), {*node});
      offsets.pop_back();
    }
    return node;
  }

  Parsed member(bool negative) {
    Parsed node = primary(negative);
    while (node) {
      if (take(".")) {
        node = selection(*node);
      } else if (is("[")) {
        node = index(*node);
      } else if (is("{") && is_name(*node)) {
        return refuse(ast_.nodes[*node].offset,
                      "messages can not be made in conditions: they have lists and maps alone");
      } else {
        break;
      }
    }
    return node;
  }

  bool is_name(NodeId id) const {
    const Node* node = &ast_.nodes[id];
    while (node->kind == NodeKind::select) node = &ast_.nodes[node->children[0]];
    return node->kind == NodeKind::name;
  }

  Parsed refuse_optional() { return refuse(peek().offset, "optional values are not part of conditions: use has()"); }

  Parsed index(NodeId of) {
    const std::size_t offset = tokens_[at_++].offset;
    if (is("?")) return refuse_optional();
    const Parsed key = expression();
    if (!key || !expect("]")) return std::nullopt;
    return add_call("_[_]", offset, {of, *key});
  }

  Parsed selection(NodeId of) {
    if (is("?")) return refuse_optional();
    const Token token = peek();
    if (token.kind != TokenKind::identifier && token.kind != TokenKind::quoted) return unexpected("a name");
    ++at_;
    const bool quoted = token.kind == TokenKind::quoted;
    if (!quoted && is("(")) return call(token, of);
    if (!quoted && (token.text == "in" || is_literal(token.text))) {
      return refuse(token.offset, "'{}' is a word of the language: write it in backticks", token.text);
    }
    Node node = at(NodeKind::select, token.offset);
    node.text = quoted ? token.text.substr(1, token.text.size() - 2) : token.text;
    node.quoted = quoted;
    node.children = {of};
    return add(std::move(node));
  }

  static bool is_literal(std::string_view word) { return word == "true" || word == "false" || word == "null"; }

  Parsed call(const Token& name, std::optional<NodeId> receiver) {
    ++at_;
    Node node = at(NodeKind::call, name.offset);
    node.text = name.text;
    node.member = receiver.has_value();
    if (receiver) node.children.push_back(*receiver);
    if (!list_until(")", node.children)) return std::nullopt;
    if (receiver) {
      if (const auto loop = loop_named(name.text, node.children.size() - 1)) {
        return add_expanded(expand_loop(ast_, *loop, std::move(node)));
      }
    } else if (name.text == "has") {
      return add_expanded(expand_has(ast_, node));
    }
    return add(std::move(node));
  }

  Parsed add_expanded(Checked<Node> node) {
    if (!node) return refuse(node.error().offset, "{}", node.error().message);
    return add(std::move(*node));
  }

  bool list_until(std::string_view end, std::vector<NodeId>& items) {
    while (!take(end)) {
      if (is("?")) return refuse_optional().has_value();
      const Parsed item = expression();
      if (!item) return false;
      items.push_back(*item);
      if (is(",") && !(end == ")" && is(")", 1))) {
        ++at_;
      } else if (!is(end)) {
        unexpected(fmt::format("',' or '{}'", end));
        return false;
      }
    }
    return true;
  }

  Parsed primary(bool negative) {
    const Token token = peek();
    if (is_number(token)) return number(negative);
    if (token.kind == TokenKind::string || token.kind == TokenKind::bytes) return text();
    if (token.kind == TokenKind::identifier) return name(false);
    if (take(".")) return peek().kind == TokenKind::identifier ? name(true) : unexpected("a name");
    if (take("(")) {
      const Parsed inner = expression();
      return inner && expect(")") ? inner : std::nullopt;
    }
    if (take("[")) {
      Node node = at(NodeKind::list, token.offset);
      return list_until("]", node.children) ? add(std::move(node)) : std::nullopt;
    }
    if (take("{")) return map(token.offset);
    return unexpected("a value");
  }

  Parsed map(std::size_t offset) {
    Node node = at(NodeKind::map, offset);
    while (!take("}")) {
      if (is("?")) return refuse_optional();
      const Parsed key = expression();
      if (!key || !expect(":")) return std::nullopt;
      const Parsed value = expression();
      if (!value) return std::nullopt;
      node.children.insert(node.children.end(), {*key, *value});
      if (!take(",") && !is("}")) return unexpected("',' or '}'");
    }
    return add(std::move(node));
  }

  Parsed number(bool negative) {
    const Token token = tokens_[at_++];
    const Checked<Value> value = read_number(token, negative);
    if (!value) return refuse(value.error().offset, "{}", value.error().message);
    return add_constant(token.offset, *value);
  }

  Parsed text() {
    const Token token = tokens_[at_++];
    Checked<std::string> read = read_text(token);
    if (!read) return refuse(read.error().offset, "{}", read.error().message);
    const std::string& kept = ast_.texts.emplace_back(std::move(*read));
    return add_constant(token.offset, token.kind == TokenKind::bytes ? Value::bytes(kept) : Value::string(kept));
  }

  Parsed name(bool absolute) {
    const Token token = tokens_[at_++];
    if (token.text == "null") return add_constant(token.offset, Value());
    if (is_literal(token.text)) return add_constant(token.offset, Value::boolean(token.text == "true"));
    if (std::ranges::find(kReserved, token.text) != kReserved.end()) {
      return refuse(token.offset, "'{}' is a reserved word, and so no name", token.text);
    }
    if (is("(")) return call(token, std::nullopt);
    Node node = at(NodeKind::name, token.offset);
    node.text = token.text;
    node.absolute = absolute;
    return add(std::move(node));
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int nesting_ = 0;
  Ast ast_;
  std::optional<Mistake> mistake_;
};

}  // namespace

Checked<Ast> parse(std::string_view source) {
  if (source.size() > kLongestSource) {
    return mistaken(kLongestSource, "the expression has more than {} bytes", kLongestSource);
  }
  if (const std::size_t valid = utf8_prefix(source); valid < source.size()) {
    return mistaken(valid, "the expression is not UTF-8 here");
  }
  Checked<std::vector<Token>> tokens = read_tokens(source);
  if (!tokens) return std::unexpected(std::move(tokens.error()));
  return Parser(std::move(*tokens)).read();
}

}  // namespace bulkhead::conditions
