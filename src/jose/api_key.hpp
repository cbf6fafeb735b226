#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "jose/digest.hpp"
#include "jose/token.hpp"

namespace bulkhead::jose {

// API keys: "bhk_" id "_" secret checksum, for programs that can't do better.
//   id        1 to 32 of a-z, 0-9 and '-'; names the key in files and logs; no secret
//   secret    43 of 0-9A-Za-z: 32 random octets in base 62
//   checksum  6 of 0-9A-Za-z: CRC-32 of all before it, so that scanners for leaked secrets know a key from chance, and
//   a
//             mistyped one costs no look-up
//
// What is stored is the SHA-256 of the secret's text. A slow hash is for secrets that can be guessed; nobody guesses
// 256 random bits, and a slow hash on each request would be a way to exhaust the gateway.

struct ParsedApiKey {
  std::string_view id;
  std::string_view secret;
};
// Views into `text`; nothing where it is not exactly such a key.
std::optional<ParsedApiKey> parse_api_key(std::string_view text);

// The key of that id for 32 octets from the system's random generator. Cause::invalid for an id of another form.
Result<std::string> make_api_key(std::string_view id, const std::array<std::uint8_t, 32>& random);

Digest hash_api_key_secret(std::string_view secret);
// "sha256:" and 64 lower-case hexadecimal digits, as files have it.
std::string to_string(const Digest& hash);
Result<Digest> parse_hash(std::string_view text);

// What is known of a key: nothing that a thief could use.
struct ApiKey {
  std::string id;
  Digest hash;
  std::vector<std::string> scopes;
  std::optional<Time> expires;
};

enum class ApiKeyCause : std::uint8_t { malformed, unknown, wrong, expired };
std::string_view to_string(ApiKeyCause cause);

// Immutable; for any thread.
class ApiKeys {
 public:
  // Cause::conflict where two have one id, invalid where an id is of another form.
  static Result<ApiKeys> make(std::vector<ApiKey> keys);

  // The key that `text` is, valid while this lives. Hashes are compared in constant time. Unknown ids and wrong secrets
  // are told apart for the log; a stranger should hear the same of both.
  std::expected<const ApiKey*, ApiKeyCause> verify(std::string_view text, Time now) const;

 private:
  std::vector<ApiKey> keys_;  // by id
};

}  // namespace bulkhead::jose
