#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "jose/jws.hpp"

namespace bulkhead::jose {

// JSON Web Tokens (RFC 7519), verified as RFC 8725 asks.

using Time = std::chrono::sys_seconds;

// What a token must be for one issuer and one use. A token for another use differs in one of these.
struct Expectations {
  std::string issuer;                                // `iss`, equal byte by byte
  std::vector<std::string> audiences;                // `aud` has one of these
  std::vector<std::string> types{"JWT", "at+jwt"};   // `typ` is one of these, without regard to case or "application/"
  bool type_required = false;                        // a token without `typ` is refused
  std::chrono::seconds leeway{60};                   // between the issuer's clock and ours
  std::optional<std::chrono::seconds> max_lifetime;  // from `iat` to `exp`; makes `iat` required
  std::size_t max_size = kMaxToken;                  // octets of the token
  std::size_t max_subject = 255;                     // octets of `sub`
  const SealKey* seal = nullptr;                     // accepts tokens that are sealed for this party (seal.hpp)
};

// A token that was verified. `claims` has all of its claims, these too.
struct Token {
  std::string issuer;
  std::string subject;
  Time expires;
  std::optional<Time> not_before;
  std::optional<Time> issued;
  nlohmann::json claims;
};

// `exp`, `sub` and `iss` are required. A time may have a fraction, which is cut to the stricter second; one before 1970
// or after the year 9999 is refused. `sub` is 1 to max_subject octets of UTF-8 without control characters. The
// signature is verified before a claim is looked at. Pure; any thread.
TokenResult<Token> verify(std::string_view text, const KeySet& keys, const Expectations& expected, Time now);

}  // namespace bulkhead::jose
