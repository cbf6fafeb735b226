#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "conditions/mistake.hpp"

namespace bulkhead::conditions {

enum class TokenKind : std::uint8_t {
  identifier,  // keywords and reserved words too
  quoted,      // `content-type`: a field's name
  int64,
  uint64,
  float64,
  string,
  bytes,
  symbol,  // operators and punctuation
  end,
};

// `text` is as written and points into the source: with quotes, prefixes and suffixes.
struct Token {
  TokenKind kind = TokenKind::end;
  std::size_t offset = 0;
  std::string_view text;
};

// The tokens of a source (cel-spec, langdef: "Syntax"), the last of which is `end`.
Checked<std::vector<Token>> read_tokens(std::string_view source);

}  // namespace bulkhead::conditions
