#include "contracts/media.hpp"

#include <algorithm>

#include "contracts/ascii.hpp"

namespace bulkhead::contracts {

namespace {

bool is_token_character(char c) {
  return is_letter(c) || is_digit(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_token_character); }

void skip_space(std::string_view& text) { text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size())); }

std::string_view take_token(std::string_view& text) {
  const auto end = std::ranges::find_if_not(text, is_token_character);
  const std::string_view token = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(token.size());
  return token;
}

// A parameter's value, a token or quoted.
std::optional<std::string> take_value(std::string_view& text) {
  if (!text.starts_with('"')) {
    const std::string_view token = take_token(text);
    return token.empty() ? std::nullopt : std::optional<std::string>(token);
  }
  std::string value;
  for (text.remove_prefix(1); !text.empty(); text.remove_prefix(1)) {
    if (text.front() == '"') return text.remove_prefix(1), value;
    if (text.front() == '\\') text.remove_prefix(1);
    if (text.empty()) break;
    value.push_back(text.front());
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> media_type(std::string_view text, std::string& charset) {
  charset.clear();
  const std::size_t end = std::min(text.find_first_of("; \t"), text.size());
  const std::string_view type = text.substr(0, end);
  const std::size_t slash = type.find('/');
  if (slash == std::string_view::npos || !is_token(type.substr(0, slash)) || !is_token(type.substr(slash + 1)))
    return std::nullopt;
  bool has_charset = false;
  text.remove_prefix(end);
  for (skip_space(text); !text.empty(); skip_space(text)) {
    if (text.front() != ';') return std::nullopt;
    text.remove_prefix(1);
    skip_space(text);
    if (text.empty() || text.front() == ';') continue;
    const std::string name = lower(take_token(text));
    if (name.empty() || !text.starts_with('=')) return std::nullopt;
    text.remove_prefix(1);
    auto value = take_value(text);
    if (!value || (name == "charset" && has_charset)) return std::nullopt;
    if (name != "charset") continue;
    has_charset = true;
    charset = lower(*value);
  }
  return lower(type);
}

bool is_json_type(std::string_view type) { return type == "application/json" || type.ends_with("+json"); }

const MediaType* select_media(const std::vector<MediaType>& declared, std::string_view type) {
  const std::string range = std::string(type.substr(0, type.find('/'))) + "/*";
  for (const std::string_view wanted : {type, std::string_view(range), std::string_view("*/*")}) {
    const auto found = std::ranges::find(declared, wanted, &MediaType::range);
    if (found != declared.end()) return &*found;
  }
  return nullptr;
}

}  // namespace bulkhead::contracts
