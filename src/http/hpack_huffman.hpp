#pragma once

// HPACK's Huffman code for strings (RFC 7541 §5.2, appendix B).

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::http::hpack {

// What `text` takes when encoded.
std::size_t huffman_size(std::string_view text);
// Appends it with its padding.
void huffman_encode(std::string_view text, std::string& out);
// Appends to `out`; false where the input holds EOS or its padding is too long or not of ones.
bool huffman_decode(std::string_view bytes, std::string& out);

}  // namespace bulkhead::http::hpack
