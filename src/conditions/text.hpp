#pragma once

// Characters (code points) of UTF-8 text. A byte that belongs to no character counts as one.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::conditions {

// The bytes of the character at the front of `text`; 0 where it is empty.
std::size_t character_length(std::string_view text);

// The position in bytes of character `index`, which may be the end; nothing behind it or below 0.
std::optional<std::size_t> byte_of(std::string_view text, std::int64_t index);

// The number of characters in front of the byte at `position`.
std::int64_t index_of(std::string_view text, std::size_t position);

// The bytes at the front that are UTF-8: all of them, or those before the first that is not.
std::size_t utf8_prefix(std::string_view text);

void append_character(std::string& text, std::uint32_t code);

// Without white space (Unicode's) at both ends.
std::string_view trimmed(std::string_view text);

}  // namespace bulkhead::conditions
