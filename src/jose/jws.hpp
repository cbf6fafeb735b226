#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "jose/key_set.hpp"
#include "jose/seal.hpp"
#include "jose/token_fault.hpp"

namespace bulkhead::jose {

inline constexpr std::size_t kMaxToken = 16U << 10U;  // octets

// What a JSON Web Signature (RFC 7515) says, once a key of the set has signed it.
struct Jws {
  std::optional<std::string> type;  // `typ`
  std::string payload;
  const Key* key = nullptr;  // of the set; null: it was sealed
};

// Verifies a JWS in compact form (§7.1): exactly three parts, strict base64url and JSON. The key is one of `keys`:
// those with its `kid` in their order; without `kid` the only one of its `alg`, else none. A key verifies with its own
// algorithm alone, and `alg` must name that. crit, b64, jwk, jku and x5u are refused; x5c and others are not looked at.
// With `seal` a token is accepted, too, that is sealed for that party (seal.hpp), and then has no `kid` and no key. Any
// thread.
TokenResult<Jws> open_jws(std::string_view token, const KeySet& keys, std::size_t max_size = kMaxToken,
                          const SealKey* seal = nullptr);

}  // namespace bulkhead::jose
