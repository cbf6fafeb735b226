#pragma once

// Tokens for parties that are all known to who mints them: in place of a signature a token has a seal for each, a code
// that only the two of them can make. A party verifies its own and can make none of another's, so that nobody forges,
// or changes, what another believes: as with a signature, and at the price of a hash.
//
//   digest     SHA-256(header.payload)
//   seal       the key's id, 8 octets; the first 16 octets of HMAC-SHA-256(key, kSealed, digest)
//   in place of a signature  the seals, one behind the other, each party's once
//
// Its `alg` is kSealAlgorithm, which is no algorithm of JOSE's: nobody else takes it for a signature. Only whoever has
// such a key accepts it, and only one of its own.

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "jose/digest.hpp"

namespace bulkhead::jose {

inline constexpr std::string_view kSealAlgorithm = "SEALS-HS256";
inline constexpr std::size_t kMostSeals = 24;  // with more parties a signature costs no more
inline constexpr std::size_t kSealId = 8, kSealCode = 16, kSeal = kSealId + kSealCode;  // octets

// A secret that who mints shares with one party. Immutable; any thread. Wiped at its end.
class SealKey {
 public:
  // 32 octets as text() gives them. No error quotes the text.
  static Result<SealKey> from_text(std::string_view text);
  // That of the party `name`, of a secret of 32 octets or more.
  static SealKey derive(std::string_view secret, std::string_view name);
  SealKey(const SealKey&) = delete;
  SealKey& operator=(const SealKey&) = delete;
  SealKey(SealKey&&) noexcept = default;
  SealKey& operator=(SealKey&&) noexcept = default;
  ~SealKey();

  // base64url: a secret.
  std::string text() const;
  // The seal of what `digest` is of.
  std::array<char, kSeal> seal(const Digest& digest) const;
  // Whether `seals` are whole ones, at most kMostSeals, of which one is this key's and right.
  bool verify(std::string_view signed_text, std::string_view seals) const;

 private:
  using Key = Digest;
  using Id = std::array<char, kSealId>;
  explicit SealKey(const Key& key);
  Digest code_of(const Digest& digest) const;

  Key key_;
  Id id_;
  Hmac hmac_;
};

// What tokens have in common whose payloads differ in their ends: written and hashed once. Immutable; any thread.
class SealedStart {
 public:
  SealedStart(std::string_view type, std::string_view payload);
  // "header.payload.seals" of a payload that ends with `rest`, sealed by each of 1 to kMostSeals keys.
  std::string finish(std::string_view rest, std::span<const SealKey> keys) const;

 private:
  static constexpr std::size_t kGroup = 3;  // octets that base64 writes by themselves

  std::string text_;  // of the token, but for the octets behind the payload's last whole group
  std::string left_over_;
  HashedStart hashed_;  // text_
};

}  // namespace bulkhead::jose
