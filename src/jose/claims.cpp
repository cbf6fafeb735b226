#include "jose/claims.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/ascii.hpp"

namespace bulkhead::jose {
namespace {

using std::chrono::seconds;
using tape::Json;
using tape::Kind;

constexpr std::size_t kClaimsDepth = 16;
constexpr double kLatest = 253402300799;  // the last second of 9999
constexpr std::string_view kMediaType = "application/";

bool same_but_for_case(std::string_view a, std::string_view b) {
  const auto small = [](char character) { return lower(character); };
  return std::ranges::equal(a, b, {}, small, small);
}

// RFC 7515 §4.1.9: "application/" may be left out where no other slash is in the name.
std::string_view short_type(std::string_view type) {
  const bool media = same_but_for_case(type.substr(0, kMediaType.size()), kMediaType);
  const std::string_view rest = media ? type.substr(kMediaType.size()) : type;
  return rest.find('/') == rest.npos ? rest : type;
}

std::optional<TokenFault> check_type(const std::optional<std::string>& type, const Expectations& expected) {
  if (!type && !expected.type_required) return std::nullopt;
  const bool fits = type && std::ranges::any_of(expected.types, [&](const std::string& each) {
                      return same_but_for_case(short_type(*type), short_type(each));
                    });
  if (fits) return std::nullopt;
  return TokenFault{TokenCause::type, fmt::format("the token's typ is not {}", fmt::join(expected.types, " or "))};
}

enum class Rounding { down, up };

// A NumericDate (RFC 7519 §2).
TokenResult<std::optional<Time>> time_of(const Json& claims, std::string_view name, Rounding rounding) {
  const auto claim = claims.member(0, name);
  if (!claim) return std::optional<Time>();
  if (claims[*claim].kind != Kind::number) {
    return refuse(TokenCause::claims, "the claim {} is not a number of seconds", name);
  }
  const std::string_view text = claims.raw(*claim);
  double value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || !(value >= 0 && value <= kLatest)) {
    return refuse(TokenCause::claims, "the claim {} is no time between 1970 and 9999", name);
  }
  return Time(seconds(static_cast<seconds::rep>(rounding == Rounding::down ? std::floor(value) : std::ceil(value))));
}

TokenResult<std::string_view> claim_text(const Json& claims, std::string_view name) {
  const auto claim = claims.member(0, name);
  if (!claim) return refuse(TokenCause::claims, "the claim {} is missing", name);
  if (claims[*claim].kind != Kind::string) return refuse(TokenCause::claims, "the claim {} is not a string", name);
  return claims.text(*claim);
}

bool is_control(char character) { return static_cast<unsigned char>(character) < 0x20 || character == 0x7f; }

TokenResult<std::string> subject_of(const Json& claims, std::size_t max) {
  const auto subject = claim_text(claims, "sub");
  if (!subject) return std::unexpected(subject.error());
  if (subject->empty() || subject->size() > max || std::ranges::any_of(*subject, is_control)) {
    return refuse(TokenCause::claims, "the claim sub is not 1 to {} octets without control characters", max);
  }
  return std::string(*subject);
}

std::optional<TokenFault> check_audience(const Json& claims, const Expectations& expected) {
  const auto audience = claims.member(0, "aud");
  const bool listed = audience && claims[*audience].kind == Kind::array;
  if (!listed && (!audience || claims[*audience].kind != Kind::string)) {
    return TokenFault{TokenCause::audience, "the claim aud is missing or not a string or a list of them"};
  }
  bool ours = false;
  const std::uint32_t behind = claims[*audience].next;
  for (auto at = listed ? *audience + 1 : *audience; at != behind; at = claims[at].next) {
    if (claims[at].kind != Kind::string) {
      return TokenFault{TokenCause::audience, "the claim aud has something that is not a string"};
    }
    ours |= std::ranges::find(expected.audiences, claims.text(at)) != expected.audiences.end();
  }
  if (ours) return std::nullopt;
  return TokenFault{TokenCause::audience, "the token is for another audience"};
}

std::optional<TokenFault> check_times(const Registered& token, const Expectations& expected, Time now) {
  if (now >= token.expires + expected.leeway) return TokenFault{TokenCause::expired, "the token is expired"};
  if (token.not_before && now + expected.leeway < *token.not_before) {
    return TokenFault{TokenCause::not_yet, "the token is not valid yet"};
  }
  if (token.issued && now + expected.leeway < *token.issued) {
    return TokenFault{TokenCause::not_yet, "the token was issued in the future"};
  }
  if (!expected.max_lifetime) return std::nullopt;
  if (!token.issued) return TokenFault{TokenCause::claims, "the claim iat is missing"};
  if (token.expires - *token.issued > *expected.max_lifetime) {
    return TokenFault{TokenCause::lifetime,
                      fmt::format("the token lives longer than {} s", expected.max_lifetime->count())};
  }
  return std::nullopt;
}

}  // namespace

TokenResult<std::string> open_token(std::string_view text, const KeySet& keys, const Expectations& expected) {
  auto jws = open_jws(text, keys, expected.max_size, expected.seal);
  if (!jws) return std::unexpected(std::move(jws.error()));
  if (auto fault = check_type(jws->type, expected)) return std::unexpected(std::move(*fault));
  return std::move(jws->payload);
}

TokenResult<Registered> read_claims(std::string_view payload, const Expectations& expected, Time now, Json& claims) {
  if (claims.read(payload, kClaimsDepth) || claims[0].kind != Kind::object) {
    return refuse(TokenCause::malformed, "the claims are not a JSON object with each member once");
  }
  const auto issuer = claim_text(claims, "iss");
  if (!issuer) return std::unexpected(issuer.error());
  if (*issuer != expected.issuer) return refuse(TokenCause::issuer, "the token is from another issuer");
  if (auto fault = check_audience(claims, expected)) return std::unexpected(std::move(*fault));
  auto subject = subject_of(claims, expected.max_subject);
  if (!subject) return std::unexpected(subject.error());
  const auto expires = time_of(claims, "exp", Rounding::down);
  const auto not_before = time_of(claims, "nbf", Rounding::up);
  const auto issued = time_of(claims, "iat", Rounding::up);
  if (!expires) return std::unexpected(expires.error());
  if (!not_before) return std::unexpected(not_before.error());
  if (!issued) return std::unexpected(issued.error());
  if (!*expires) return refuse(TokenCause::claims, "the claim exp is missing");
  Registered registered{std::move(*subject), **expires, *not_before, *issued};
  if (auto fault = check_times(registered, expected, now)) return std::unexpected(std::move(*fault));
  return registered;
}

}  // namespace bulkhead::jose
