#include "manifest/roles.hpp"

#include <algorithm>

#include <fmt/ranges.h>

#include "base/nearest.hpp"
#include "conditions/lexer.hpp"

namespace bulkhead::manifest {

namespace {

using conditions::Token;
using conditions::TokenKind;

bool is_symbol(const Token& token, std::string_view text) {
  return token.kind == TokenKind::symbol && token.text == text;
}

// Whether `role.NAME` begins at that token; a field of that name of something else does not.
bool asks_for_role(const std::vector<Token>& tokens, std::size_t at) {
  const auto is_name = [&](std::size_t index) { return tokens[index].kind == TokenKind::identifier; };
  if (at + 2 >= tokens.size() || !is_name(at) || tokens[at].text != "role") return false;
  if (at > 0 && is_symbol(tokens[at - 1], ".")) return false;
  return is_symbol(tokens[at + 1], ".") && is_name(at + 2);
}

std::unexpected<conditions::Mistake> no_such_role(const Token& name, const Roles& roles) {
  std::vector<std::string> names;
  for (const auto& [role, source] : roles) names.push_back(role);
  std::string hint = "there is none that it may ask for";
  if (!names.empty()) hint = fmt::format("there are {}", fmt::join(names, ", "));
  if (const std::string near = nearest(name.text, names); !near.empty()) hint = fmt::format("did you mean '{}'?", near);
  return conditions::mistaken(name.offset, "no role is named '{}'; {}", name.text, hint);
}

}  // namespace

std::size_t Expanded::origin(std::size_t offset) const {
  std::size_t shift_to = 0;
  std::size_t shift_from = 0;
  for (const Piece& piece : pieces) {
    if (offset < piece.begin) break;
    if (offset < piece.end) return piece.origin;
    shift_from = piece.end;
    shift_to = piece.origin_end;
  }
  return shift_to + (offset - shift_from);
}

conditions::Checked<Expanded> expand_roles(std::string_view source, const Roles& roles) {
  Expanded expanded;
  const auto tokens = conditions::read_tokens(source);
  if (!tokens) return std::unexpected(tokens.error());
  std::size_t copied = 0;
  for (std::size_t i = 0; i < tokens->size(); ++i) {
    if (!asks_for_role(*tokens, i)) continue;
    const Token& name = (*tokens)[i + 2];
    const auto role = roles.find(name.text);
    if (role == roles.end()) return no_such_role(name, roles);
    expanded.text.append(source.substr(copied, (*tokens)[i].offset - copied));
    const std::size_t begin = expanded.text.size();
    // A comment ends with its line.
    const std::string_view end = role->second.find("//") == std::string::npos ? ")" : "\n)";
    expanded.text.append("(").append(role->second).append(end);
    copied = name.offset + name.text.size();
    expanded.pieces.push_back({begin, expanded.text.size(), (*tokens)[i].offset, copied});
    i += 2;
  }
  expanded.text.append(source.substr(copied));
  return expanded;
}

bool is_role_name(std::string_view text) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return !text.empty() && text.size() <= 63 && text[0] >= 'a' && text[0] <= 'z' && std::ranges::all_of(text, allowed);
}

}  // namespace bulkhead::manifest
