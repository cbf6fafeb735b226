#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "jose/key_set.hpp"
#include "jose/token_fault.hpp"
#include "jose/token_tree.hpp"

namespace bulkhead::jose {

inline constexpr std::size_t kMaxToken = 16U << 10U;  // octets

// What a JSON Web Signature (RFC 7515) says, once a key of the set has signed it.
struct Jws {
  std::optional<std::string> type;  // `typ`
  std::string payload;
  const Key* key = nullptr;  // of the set
};

// Verifies a JWS in compact form (§7.1): exactly three parts, strict base64url and JSON. The key is one of `keys`:
// those with its `kid` in their order; without `kid` the only one of its `alg`, else none. A key verifies with its own
// algorithm alone, and `alg` must name that. crit, b64, jwk, jku and x5u are refused; x5c and others are not looked at.
// With `trees` a token is accepted, too, that was signed together with others; its `kid` must name the key. Any thread,
// but for `trees`.
TokenResult<Jws> open_jws(std::string_view token, const KeySet& keys, std::size_t max_size = kMaxToken,
                          SignedTrees* trees = nullptr);

}  // namespace bulkhead::jose
