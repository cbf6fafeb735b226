#include "jose/seal.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "jose/base64url.hpp"

namespace bulkhead::jose {
namespace {

constexpr std::size_t kBlock = 64;  // octets, of SHA-256
constexpr std::string_view kSealed = "bulkhead token seal";
constexpr std::string_view kNamed = "bulkhead token seal id";
constexpr std::string_view kDerived = "bulkhead token seal key";

std::string_view octets_of(const auto& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// HMAC (RFC 2104) of `label` and `text`, which together are short, with a key of at most a block. OpenSSL's HMAC()
// looks its digest up and allocates each time: four times as long for what is this short.
Digest hmac(Sha256& sha256, std::string_view key, std::string_view label, std::string_view text) {
  std::string buffer;
  buffer.reserve(kBlock + std::max(label.size() + text.size(), sizeof(Digest)));  // one block of memory, wiped below
  buffer.assign(kBlock, '\x36');
  for (std::size_t i = 0; i < key.size(); ++i) buffer[i] = static_cast<char>(buffer[i] ^ key[i]);
  buffer.append(label).append(text);
  const Digest inner = sha256(buffer);
  for (std::size_t i = 0; i < kBlock; ++i) buffer[i] = static_cast<char>(buffer[i] ^ 0x36 ^ 0x5c);
  buffer.resize(kBlock);
  buffer.append(octets_of(inner));
  const Digest outer = sha256(buffer);
  OPENSSL_cleanse(buffer.data(), buffer.size());
  return outer;
}

}  // namespace

SealKey::SealKey(const Key& key) : key_(key) {
  const Digest named = hmac(sha256_, octets_of(key_), kNamed, {});
  std::copy_n(named.begin(), kId, id_.begin());
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
  Sha256 sha256;
  const Digest hashed = sha256(secret);
  return SealKey(hmac(sha256, octets_of(hashed), kDerived, name));
}

std::string SealKey::text() const { return encode_base64url(octets_of(key_)); }

Digest SealKey::code_of(const Digest& digest) { return hmac(sha256_, octets_of(key_), kSealed, octets_of(digest)); }

void SealKey::append_seal(const Digest& digest, std::string& seals) {
  const Digest code = code_of(digest);
  seals.append(octets_of(id_)).append(octets_of(code).substr(0, kCode));
}

bool SealKey::verify(std::string_view signed_text, std::string_view seals) {
  constexpr std::size_t kSeal = kId + kCode;
  if (seals.size() % kSeal != 0 || seals.size() > kMostSeals * kSeal) return false;
  for (; !seals.empty(); seals.remove_prefix(kSeal)) {
    if (!seals.starts_with(octets_of(id_))) continue;
    const Digest code = code_of(sha256_(signed_text));
    return CRYPTO_memcmp(code.data(), seals.data() + kId, kCode) == 0;
  }
  return false;
}

std::string seal_token(std::string_view type, std::string_view payload, std::span<SealKey> keys) {
  // Two words of ours: nothing in them is escaped in JSON.
  std::string token = encode_base64url(fmt::format(R"({{"alg":"{}","typ":"{}"}})", kSealAlgorithm, type));
  token += '.';
  token += payload;
  static thread_local Sha256 sha256;
  const Digest digest = sha256(token);
  std::string seals;
  for (SealKey& key : keys) key.append_seal(digest, seals);
  token += '.';
  append_base64url(token, seals);
  return token;
}

}  // namespace bulkhead::jose
