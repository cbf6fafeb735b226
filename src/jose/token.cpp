#include "jose/token.hpp"

#include "base/json.hpp"
#include "jose/claims.hpp"

namespace bulkhead::jose {

TokenResult<Token> verify(std::string_view text, const KeySet& keys, const Expectations& expected, Time now) {
  const auto payload = open_token(text, keys, expected);
  if (!payload) return std::unexpected(payload.error());
  tape::Json read;
  auto registered = read_claims(*payload, expected, now, read);
  if (!registered) return std::unexpected(std::move(registered.error()));
  auto claims = to_json(read, 0);
  if (!claims) return refuse(TokenCause::malformed, "a number of the claims is too large");
  return Token{expected.issuer,     std::move(registered->subject),
               registered->expires, registered->not_before,
               registered->issued,  std::move(*claims)};
}

}  // namespace bulkhead::jose
