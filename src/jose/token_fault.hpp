#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace bulkhead::jose {

// Why a token is refused: the label of a metric, and what code decides on.
enum class TokenCause : std::uint8_t {
  too_large,
  malformed,      // no JWS in compact form, or a header or claims that are not strict JSON
  header,         // a header parameter that is refused: crit, b64, jwk, jku, x5u
  algorithm,      // `alg` is not that of the key, or none that exists here (none, HS256, ...)
  unknown_key,    // no key has this `kid`: the key set may be old, a refresh can help
  ambiguous_key,  // no `kid`, and several keys could be meant
  signature,
  type,      // `typ` is another kind of token
  claims,    // a claim is missing or has the wrong form
  issuer,    // `iss` is another
  audience,  // `aud` does not have ours
  expired,
  not_yet,   // `nbf` or `iat` is in the future
  lifetime,  // it would live longer than is allowed
};

// "unknown_key", as a metric names it.
std::string_view to_string(TokenCause cause);

struct [[nodiscard]] TokenFault {
  TokenCause cause = TokenCause::malformed;
  // A sentence for a person, lower case, no full stop. It quotes nothing that the token says and has only characters
  // that error_description of RFC 6750 §3 may have.
  std::string message;
};

template <class T>
using TokenResult = std::expected<T, TokenFault>;

template <class... Args>
[[nodiscard]] std::unexpected<TokenFault> refuse(TokenCause cause, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(TokenFault{cause, fmt::format(format, std::forward<Args>(args)...)});
}

}  // namespace bulkhead::jose
