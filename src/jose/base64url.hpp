#pragma once

// base64url without padding, as JOSE writes it (RFC 4648 §5, RFC 7515 §2). Strict: one text for each sequence of bytes.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bulkhead::jose {

constexpr std::size_t encoded_size(std::size_t bytes) { return (bytes * 4 + 2) / 3; }
std::string encode_base64url(std::string_view bytes);
void append_base64url(std::string& text, std::string_view bytes);

// Nothing where `text` has another character (padding and white space too), a length that no bytes have, or bits set
// behind the last byte.
std::optional<std::string> decode_base64url(std::string_view text);
// Likewise into `into`; gives how many bytes. Nothing, too, where they do not fit. Allocates nothing.
std::optional<std::size_t> decode_base64url(std::string_view text, std::span<char> into);

}  // namespace bulkhead::jose
