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

std::array<char, kSeal> SealKey::seal(const Digest& digest) const {
  const Digest code = code_of(digest);
  std::array<char, kSeal> seal;
  std::ranges::copy(id_, seal.begin());
  std::copy_n(code.begin(), kSealCode, seal.begin() + kSealId);
  return seal;
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

SealedStart::SealedStart(std::string_view type, std::string_view payload) : hashed_("") {
  // Two words of ours: nothing in them is escaped in JSON.
  std::string header;
  header.reserve(type.size() + 32);
  header.append(R"({"alg":")").append(kSealAlgorithm).append(R"(","typ":")").append(type).append("\"}");
  const std::size_t whole = payload.size() / kGroup * kGroup;
  text_.reserve(encoded_size(header.size()) + 1 + encoded_size(whole));
  append_base64url(text_, header);
  text_ += '.';
  append_base64url(text_, payload.substr(0, whole));
  left_over_ = payload.substr(whole);
  hashed_ = HashedStart(text_);
}

std::string SealedStart::finish(std::string_view rest, std::span<const SealKey> keys) const {
  std::string token;
  token.reserve(text_.size() + encoded_size(left_over_.size() + rest.size()) + 1 + encoded_size(keys.size() * kSeal));
  token = text_;
  if (!left_over_.empty()) {
    const std::size_t more = std::min(kGroup - left_over_.size(), rest.size());
    append_base64url(token, left_over_ + std::string(rest.substr(0, more)));
    rest.remove_prefix(more);
  }
  append_base64url(token, rest);
  const Digest digest = hashed_(std::string_view(token).substr(text_.size()));
  token += '.';
  // A seal is whole groups: each is written by itself.
  static_assert(kSeal % kGroup == 0);
  for (const SealKey& key : keys) {
    const auto seal = key.seal(digest);
    append_base64url(token, {seal.data(), seal.size()});
  }
  return token;
}

}  // namespace bulkhead::jose
