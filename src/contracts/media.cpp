#include "contracts/media.hpp"

#include <algorithm>
#include <optional>

#include "base/ascii.hpp"

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

bool media_type(std::string_view text, std::string& type, std::string& charset) {
  type.clear();
  charset.clear();
  const std::size_t end = std::min(text.find_first_of("; \t"), text.size());
  const std::string_view written = text.substr(0, end);
  const std::size_t slash = std::min(written.find('/'), written.size());
  if (!is_token(written.substr(0, slash)) || slash == written.size() || !is_token(written.substr(slash + 1)))
    return false;
  bool has_charset = false;
  text.remove_prefix(end);
  for (skip_space(text); !text.empty(); skip_space(text)) {
    if (text.front() != ';') return false;
    text.remove_prefix(1);
    skip_space(text);
    if (text.empty() || text.front() == ';') continue;
    const std::string name = lower(take_token(text));
    if (name.empty() || !text.starts_with('=')) return false;
    text.remove_prefix(1);
    auto value = take_value(text);
    if (!value || (name == "charset" && has_charset)) return false;
    if (name != "charset") continue;
    has_charset = true;
    charset = lower(*value);
  }
  type = written;
  std::ranges::transform(type, type.begin(), [](char c) { return lower(c); });
  return true;
}

bool is_json_type(std::string_view type) { return type == "application/json" || type.ends_with("+json"); }

const MediaType* select_media(const std::vector<MediaType>& declared, std::string_view type) {
  const std::string_view family = type.substr(0, type.find('/') + 1);
  const auto find = [&](auto fits) {
    const auto found = std::ranges::find_if(declared, [&](const MediaType& each) { return fits(each.range); });
    return found == declared.end() ? nullptr : &*found;
  };
  const auto is_family = [&](std::string_view range) {
    return range.size() == family.size() + 1 && range.starts_with(family) && range.ends_with('*');
  };
  const MediaType* exact = find([&](std::string_view range) { return range == type; });
  const MediaType* near = exact ? exact : find(is_family);
  return near ? near : find([](std::string_view range) { return range == "*/*"; });
}

}  // namespace bulkhead::contracts
