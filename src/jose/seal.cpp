#include "jose/seal.hpp"

#include <algorithm>

#include <openssl/crypto.h>

#include "jose/base64url.hpp"

namespace bulkhead::jose {
namespace {

constexpr std::string_view kSealed = "bulkhead token seal";
constexpr std::string_view kNamed = "bulkhead token seal id";
constexpr std::string_view kDerived = "bulkhead token seal key";

}  // namespace

SealKey::SealKey(const Key& key) : key_(key), hmac_(key) {
  const Digest named = hmac_(kNamed, {});
  std::copy_n(named.begin(), kSealId, id_.begin());
}

SealKey::~SealKey() { OPENSSL_cleanse(key_.data(), key_.size()); }

Result<SealKey> SealKey::from_text(std::string_view text) {
  Key key{};
  const auto size = decode_base64url(text, {reinterpret_cast<char*>(key.data()), key.size()});
  if (!size || *size != key.size()) return fail(Cause::invalid, "a key for seals is 32 octets in base64url");
  SealKey made(key);
  OPENSSL_cleanse(key.data(), key.size());
  return made;
}

SealKey SealKey::derive(std::string_view secret, std::string_view name) {
  Digest hashed = sha256(secret);
  Key key = Hmac(hashed)(kDerived, name);
  SealKey made(key);
  OPENSSL_cleanse(hashed.data(), hashed.size());
  OPENSSL_cleanse(key.data(), key.size());
  return made;
}

std::string SealKey::text() const { return encode_base64url(octets_of(key_)); }

Digest SealKey::code_of(const Digest& digest) const { return hmac_(kSealed, octets_of(digest)); }

void SealKey::append_seal(const Digest& digest, std::string& seals) const {
  const Digest code = code_of(digest);
  seals.append(id_.data(), id_.size()).append(octets_of(code).substr(0, kSealCode));
}

bool SealKey::verify(std::string_view signed_text, std::string_view seals) const {
  if (seals.size() % kSeal != 0 || seals.size() > kMostSeals * kSeal) return false;
  for (; !seals.empty(); seals.remove_prefix(kSeal)) {
    if (!seals.starts_with({id_.data(), id_.size()})) continue;
    const Digest code = code_of(sha256(signed_text));
    return CRYPTO_memcmp(code.data(), seals.data() + kSealId, kSealCode) == 0;
  }
  return false;
}

std::string seal_token(std::string_view type, std::string_view payload, std::span<const SealKey> keys) {
  std::string token;
  token.reserve(encoded_size(type.size() + 32) + encoded_size(payload.size()) + encoded_size(keys.size() * kSeal) + 2);
  // Two words of ours: nothing in them is escaped in JSON.
  std::string header;
  header.reserve(type.size() + 32);
  header.append(R"({"alg":")").append(kSealAlgorithm).append(R"(","typ":")").append(type).append("\"}");
  append_base64url(token, header);
  token += '.';
  append_base64url(token, payload);
  const Digest digest = sha256(token);
  std::string seals;
  seals.reserve(keys.size() * kSeal);
  for (const SealKey& key : keys) key.append_seal(digest, seals);
  token += '.';
  append_base64url(token, seals);
  return token;
}

}  // namespace bulkhead::jose
