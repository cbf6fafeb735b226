#include "jose/api_key.hpp"

#include <algorithm>

#include <openssl/crypto.h>

namespace bulkhead::jose {
namespace {

constexpr std::string_view kPrefix = "bhk_";
constexpr std::string_view kHashPrefix = "sha256:";
constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::size_t kMaxId = 32;
constexpr std::size_t kSecret = 43;   // 62^43 > 2^256
constexpr std::size_t kChecksum = 6;  // 62^6 > 2^32

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= kMaxId && std::ranges::all_of(text, [](char each) {
    return (each >= 'a' && each <= 'z') || (each >= '0' && each <= '9') || each == '-';
  });
}

bool is_base62(std::string_view text) {
  return std::ranges::all_of(text, [](char each) { return kDigits.contains(each); });
}

// ISO-HDLC, as zip and PNG have it.
std::uint32_t crc32(std::string_view text) {
  std::uint32_t crc = 0xffffffffU;
  for (const char each : text) {
    crc ^= static_cast<unsigned char>(each);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
  }
  return ~crc;
}

std::string checksum_of(std::string_view text) {
  std::string digits(kChecksum, '0');
  std::uint32_t rest = crc32(text);
  for (auto at = digits.rbegin(); at != digits.rend(); ++at, rest /= 62) *at = kDigits[rest % 62];
  return digits;
}

// A 256-bit number in base 62, most significant digit first: divided by 62 again and again.
std::string base62(std::array<std::uint8_t, 32> number) {
  std::string digits(kSecret, '0');
  for (auto at = digits.rbegin(); at != digits.rend(); ++at) {
    unsigned rest = 0;
    for (std::uint8_t& octet : number) {
      const unsigned value = rest << 8U | octet;
      octet = static_cast<std::uint8_t>(value / 62);
      rest = value % 62;
    }
    *at = kDigits[rest];
  }
  return digits;
}

}  // namespace

std::optional<ParsedApiKey> parse_api_key(std::string_view text) {
  constexpr std::size_t kTail = 1 + kSecret + kChecksum;
  if (!text.starts_with(kPrefix) || text.size() <= kPrefix.size() + kTail) return std::nullopt;
  const std::string_view id = text.substr(kPrefix.size(), text.size() - kPrefix.size() - kTail);
  const std::string_view tail = text.substr(text.size() - kTail);
  if (!is_id(id) || tail.front() != '_' || !is_base62(tail.substr(1))) return std::nullopt;
  if (checksum_of(text.substr(0, text.size() - kChecksum)) != tail.substr(1 + kSecret)) return std::nullopt;
  return ParsedApiKey{id, tail.substr(1, kSecret)};
}

Result<std::string> make_api_key(std::string_view id, const std::array<std::uint8_t, 32>& random) {
  if (!is_id(id)) return fail(Cause::invalid, "an API key's id has 1 to {} of a-z, 0-9 and '-'", kMaxId);
  std::string key = fmt::format("{}{}_{}", kPrefix, id, base62(random));
  key += checksum_of(key);
  return key;
}

Digest hash_api_key_secret(std::string_view secret) { return sha256(secret); }

std::string to_string(const Digest& hash) { return fmt::format("{}{:02x}", kHashPrefix, fmt::join(hash, "")); }

Result<Digest> parse_hash(std::string_view text) {
  Digest hash{};
  const std::string_view hex = text.substr(std::min(kHashPrefix.size(), text.size()));
  if (!text.starts_with(kHashPrefix) || hex.size() != 2 * hash.size() ||
      hex.find_first_not_of(kHexDigits) != hex.npos) {
    return fail(Cause::invalid, "a hash is 'sha256:' and 64 lower-case hexadecimal digits");
  }
  for (std::size_t i = 0; i < hash.size(); ++i) {
    hash[i] = static_cast<unsigned char>(kHexDigits.find(hex[2 * i]) << 4U | kHexDigits.find(hex[2 * i + 1]));
  }
  return hash;
}

std::string_view to_string(ApiKeyCause cause) {
  switch (cause) {
    case ApiKeyCause::malformed: return "malformed";
    case ApiKeyCause::unknown: return "unknown";
    case ApiKeyCause::wrong: return "wrong";
    case ApiKeyCause::expired: return "expired";
  }
  return "malformed";
}

Result<ApiKeys> ApiKeys::make(std::vector<ApiKey> keys) {
  std::ranges::sort(keys, {}, &ApiKey::id);
  for (const ApiKey& key : keys) {
    if (!is_id(key.id)) {
      return fail(Cause::invalid, "API key '{}': an id has 1 to {} of a-z, 0-9 and '-'", key.id, kMaxId);
    }
  }
  const auto twice = std::ranges::adjacent_find(keys, {}, &ApiKey::id);
  if (twice != keys.end()) return fail(Cause::conflict, "API key '{}' stands there twice", twice->id);
  ApiKeys made;
  made.keys_ = std::move(keys);
  return made;
}

std::expected<const ApiKey*, ApiKeyCause> ApiKeys::verify(std::string_view text, Time now) const {
  const auto parsed = parse_api_key(text);
  if (!parsed) return std::unexpected(ApiKeyCause::malformed);
  const auto key = std::ranges::lower_bound(keys_, parsed->id, {}, &ApiKey::id);
  if (key == keys_.end() || key->id != parsed->id) return std::unexpected(ApiKeyCause::unknown);
  const Digest hash = hash_api_key_secret(parsed->secret);
  if (CRYPTO_memcmp(hash.data(), key->hash.data(), hash.size()) != 0) return std::unexpected(ApiKeyCause::wrong);
  if (key->expires && now >= *key->expires) return std::unexpected(ApiKeyCause::expired);
  return &*key;
}

}  // namespace bulkhead::jose
