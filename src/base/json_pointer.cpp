// JSON pointers (RFC 6901) into what was read.

#include <charconv>

#include <fmt/format.h>

#include "base/json_tape.hpp"

namespace bulkhead::tape {

namespace {

constexpr std::size_t kLongestPointer = 512;

}  // namespace

void append_token(std::string& pointer, std::string_view text) {
  pointer.push_back('/');
  for (const char c : text) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer.push_back(c);
    }
  }
}

bool take_token(std::string_view& rest, std::string& token) {
  if (!rest.starts_with('/')) return false;
  rest.remove_prefix(1);
  token.clear();
  while (!rest.empty() && rest.front() != '/') {
    char c = rest.front();
    rest.remove_prefix(1);
    if (c == '~') {
      if (rest.empty() || (rest.front() != '0' && rest.front() != '1')) return false;
      c = rest.front() == '0' ? '~' : '/';
      rest.remove_prefix(1);
    }
    token.push_back(c);
  }
  return true;
}

void append_quoted(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

std::optional<std::uint32_t> Json::member(std::uint32_t object, std::string_view name) const {
  if (values_[object].kind != Kind::object) return std::nullopt;
  const auto hash = hash_text(name);
  for (auto at = object + 1; at != values_[object].next; at = values_[at + 1].next) {
    if (values_[at].hash == hash && text(at) == name) return at + 1;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> Json::find(std::string_view pointer) const {
  std::uint32_t at = 0;
  std::string token;
  while (!pointer.empty()) {
    if (!take_token(pointer, token)) return std::nullopt;
    if (values_[at].kind == Kind::object) {
      const auto found = member(at, token);
      if (!found) return std::nullopt;
      at = *found;
      continue;
    }
    std::uint32_t index = 0;
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
    const bool natural =
        error == std::errc() && end == token.data() + token.size() && (token == "0" || token[0] != '0');
    if (values_[at].kind != Kind::array || !natural || index >= values_[at].count) return std::nullopt;
    for (++at; index > 0; --index) at = values_[at].next;
  }
  return at;
}

std::string Json::pointer(std::uint32_t index) const {
  std::string pointer;
  std::uint32_t at = 0;
  while (at != index) {
    const bool object = values_[at].kind == Kind::object;
    std::uint32_t child = at + 1;
    std::uint32_t place = 0;
    const auto behind = [&] { return values_[object ? child + 1 : child].next; };
    for (; behind() <= index; ++place) child = behind();
    if (object) {
      append_token(pointer, text(child));
      at = index == child ? index : child + 1;
    } else {
      append_token(pointer, fmt::to_string(place));
      at = child;
    }
  }
  if (pointer.size() <= kLongestPointer) return pointer;
  std::size_t cut = kLongestPointer;
  while ((static_cast<unsigned char>(pointer[cut]) & 0xc0U) == 0x80) --cut;
  return pointer.substr(0, cut) + "...";
}

}  // namespace bulkhead::tape
