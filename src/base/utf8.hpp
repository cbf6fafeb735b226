#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bulkhead {

// The length of the sequence at the front of `text`, which is not empty; 0 where it is none (overlong, surrogate, above
// U+10FFFF, cut short).
std::size_t sequence_length(std::string_view text);

// Where the first byte stands that is not UTF-8 text (RFC 3629) or is a control character other than tab, LF and CR;
// npos where there is none.
std::size_t first_bad_byte(std::string_view text);

// The text, with U+FFFD for each byte that is no UTF-8.
std::string valid_utf8(std::string_view text);

// The number of characters (code points) of UTF-8 text.
std::size_t characters(std::string_view text);

}  // namespace bulkhead
