#include "conditions/text.hpp"

#include <algorithm>

#include "base/utf8.hpp"

namespace bulkhead::conditions {

namespace {

unsigned octet(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

// The code point at the front, which `length` bytes make.
std::uint32_t code_of(std::string_view text, std::size_t length) {
  std::uint32_t code = length == 1 ? octet(text, 0) : octet(text, 0) & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) code = code << 6U | (octet(text, i) & 0x3fU);
  return code;
}

bool is_space(std::uint32_t code) {
  return (code >= 0x09 && code <= 0x0d) || code == 0x20 || code == 0x85 || code == 0xa0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 || code == 0x202f || code == 0x205f ||
         code == 0x3000;
}

bool begins_with_space(std::string_view text) {
  const std::size_t length = text.empty() ? 0 : sequence_length(text);
  return length != 0 && is_space(code_of(text, length));
}

// Where the last character begins.
std::size_t last_character(std::string_view text) {
  std::size_t at = text.size() - 1;
  while (at > 0 && text.size() - at < 4 && (octet(text, at) & 0xc0U) == 0x80) --at;
  return at;
}

}  // namespace

std::size_t character_length(std::string_view text) {
  return text.empty() ? 0 : std::max<std::size_t>(1, sequence_length(text));
}

std::optional<std::size_t> byte_of(std::string_view text, std::int64_t index) {
  std::size_t at = 0;
  for (; index > 0 && at < text.size(); --index) at += character_length(text.substr(at));
  return index == 0 ? std::optional(at) : std::nullopt;
}

std::int64_t index_of(std::string_view text, std::size_t position) {
  std::int64_t index = 0;
  for (std::size_t at = 0; at < position; ++index) at += character_length(text.substr(at));
  return index;
}

std::size_t utf8_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = sequence_length(text.substr(at));
    if (length == 0) break;
    at += length;
  }
  return at;
}

void append_character(std::string& text, std::uint32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
    return;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  constexpr unsigned kFirst[] = {0, 0xc0, 0xe0, 0xf0};
  text += static_cast<char>(kFirst[more] | code >> (6U * static_cast<unsigned>(more)));
  for (int i = more - 1; i >= 0; --i)
    text += static_cast<char>(0x80U | (code >> (6U * static_cast<unsigned>(i)) & 0x3fU));
}

std::string_view trimmed(std::string_view text) {
  while (begins_with_space(text)) text.remove_prefix(character_length(text));
  while (!text.empty() && begins_with_space(text.substr(last_character(text))))
    text = text.substr(0, last_character(text));
  return text;
}

}  // namespace bulkhead::conditions
