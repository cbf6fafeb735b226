#pragma once

#include <array>
#include <string_view>

#include <openssl/sha.h>

namespace bulkhead::jose {

using Digest = std::array<unsigned char, 32>;

// SHA-256 (FIPS 180-4). Allocates nothing. Any thread.
Digest sha256(std::string_view bytes);

// The beginning of texts that go on differently, hashed once. Allocates nothing. Immutable; any thread.
class HashedStart {
 public:
  explicit HashedStart(std::string_view start);
  // SHA-256 of the beginning with `rest` behind it.
  Digest operator()(std::string_view rest) const;

 private:
  SHA256_CTX context_;
};

inline std::string_view octets_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// HMAC-SHA-256 (RFC 2104) with one key. What is hashed of the key alone is kept, so that the code of a short text is
// two blocks to hash. Immutable; any thread. Wiped at its end.
class Hmac {
 public:
  explicit Hmac(const Digest& key);
  Hmac(const Hmac&) = default;
  Hmac& operator=(const Hmac&) = default;
  ~Hmac();

  // Of `label` and `text`, one behind the other.
  Digest operator()(std::string_view label, std::string_view text) const;

 private:
  SHA256_CTX inner_, outer_;
};

}  // namespace bulkhead::jose
