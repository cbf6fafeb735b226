#include "jose/txn_token.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.hpp"
#include "jose/base64url.hpp"
#include "jose/claims.hpp"

namespace bulkhead::jose {
namespace {

using nlohmann::json;
using tape::Json;
using tape::Kind;

constexpr std::size_t kMaxText = 255;  // octets of txn and of rctx's members

// Throws json::exception where it is not UTF-8.
void append_string(std::string& text, std::string_view value) {
  bool plain = true;  // no way out in between: the compiler looks at many octets at once
  for (const char octet : value) plain &= octet >= 0x20 && octet < 0x7f && octet != '"' && octet != '\\';
  if (plain) {
    text += '"';
    text += value;
    text += '"';
  } else {
    text += json(value).dump();
  }
}

// The members of an object that is written as it goes: a tree of values for a token would cost more than to hash and to
// encode it. Whoever ends the object writes its brace.
class Members {
 public:
  explicit Members(std::string& into) : text_(into) { text_ += '{'; }
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;

  // Throws json::exception where it is not UTF-8.
  void add(std::string_view name, std::string_view value) { append_string(begin(name), value); }
  void add(std::string_view name, std::int64_t value) { begin(name) += fmt::format_int(value).c_str(); }
  void add_if_any(std::string_view name, std::string_view value) {
    if (!value.empty()) add(name, value);
  }
  // The value is written by whoever asks.
  std::string& begin(std::string_view name) {
    if (text_.back() != '{') text_ += ',';
    text_ += '"';
    text_ += name;
    return text_ += "\":";
  }

 private:
  std::string& text_;
};

void add_request(std::string& text, const RequestContext& request) {
  Members members(text);
  members.add_if_any("provider", request.provider);
  members.add_if_any("req_ip", request.client_address);
  text += '}';
}

TokenResult<std::string> member_text(const Json& claims, std::uint32_t object, std::string_view name, std::size_t max) {
  const auto member = claims.member(object, name);
  if (!member || claims[*member].kind != Kind::string) {
    return refuse(TokenCause::claims, "the claim {} is missing or not a string", name);
  }
  const std::string_view text = claims.text(*member);
  if (text.empty() || text.size() > max) {
    return refuse(TokenCause::claims, "the claim {} is not 1 to {} octets long", name, max);
  }
  return std::string(text);
}

// Nothing where the claim is not there.
TokenResult<std::optional<std::uint32_t>> object_of(const Json& claims, std::string_view name) {
  const auto claim = claims.member(0, name);
  if (claim && claims[*claim].kind != Kind::object) {
    return refuse(TokenCause::claims, "the claim {} is not an object", name);
  }
  return claim;
}

TokenResult<std::string> optional_text(const Json& claims, std::uint32_t object, std::string_view name) {
  return claims.member(object, name) ? member_text(claims, object, name, kMaxText) : std::string();
}

TokenResult<RequestContext> read_request(const Json& claims) {
  const auto object = object_of(claims, "rctx");
  if (!object) return std::unexpected(object.error());
  if (!*object) return RequestContext();
  auto address = optional_text(claims, **object, "req_ip");
  auto provider = optional_text(claims, **object, "provider");
  if (!address) return std::unexpected(address.error());
  if (!provider) return std::unexpected(provider.error());
  return RequestContext{std::move(*address), std::move(*provider)};
}

TokenResult<std::shared_ptr<const TxnContext>> read_context(const Json& claims) {
  const auto object = object_of(claims, "tctx");
  if (!object) return std::unexpected(object.error());
  if (!*object) return nullptr;
  auto context = to_json(claims, **object);
  if (!context) return refuse(TokenCause::claims, "a number of the claim tctx is too large");
  return std::make_shared<const TxnContext>(std::move(*context));
}

Expectations expectations(const TxnDomain& domain, const SealKey* seal) {
  return {.issuer = domain.issuer,
          .audiences = {domain.trust_domain},
          .types = {std::string(kTxnTokenType)},
          .type_required = true,
          .leeway = domain.leeway,
          .max_lifetime = domain.lifetime,
          .seal = seal};
}

// Of the claims' text, about: what is written around the values has some 150 octets.
std::size_t usual_size(const TxnDomain& domain, const TxnToken& token) {
  const RequestContext& request = token.request;
  return 192 + domain.issuer.size() + domain.trust_domain.size() + token.transaction.size() + token.subject.size() +
         token.scope.size() + (token.context ? token.context->text.size() : 0) + request.client_address.size() +
         request.provider.size();
}

constexpr std::string_view kNotUtf8 = "a claim to sign is not UTF-8";

// The payload but for what differs between requests. rest_of() comes behind it.
Result<std::string> start_of(const TxnDomain& domain, const TxnToken& token, Time now) {
  if (token.context && !token.context->claims.is_object())
    return fail(Cause::invalid, "the context of a transaction token is not an object");
  std::string text;
  text.reserve(usual_size(domain, token));
  try {
    Members claims(text);
    claims.add("aud", domain.trust_domain);
    claims.add("exp", (now + domain.lifetime).time_since_epoch().count());
    claims.add("iat", now.time_since_epoch().count());
    claims.add("iss", domain.issuer);
    if (token.request != RequestContext()) add_request(claims.begin("rctx"), token.request);
    claims.add("scope", token.scope);
    claims.add("sub", token.subject);
    if (token.context && !token.context->claims.empty()) {
      const TxnContext& context = *token.context;
      claims.begin("tctx") += context.text.empty() ? context.claims.dump() : context.text;
    }
    claims.begin("txn");
  } catch (const json::exception&) {
    return fail(Cause::invalid, kNotUtf8);
  }
  return text;
}

// A view that lives until the thread's next call.
Result<std::string_view> rest_of(std::string_view transaction) {
  static thread_local std::string text;
  text.clear();
  try {
    append_string(text, transaction);
  } catch (const json::exception&) {
    return fail(Cause::invalid, kNotUtf8);
  }
  return text += '}';
}

}  // namespace

std::shared_ptr<const TxnContext> TxnContext::written(json claims) {
  std::string text;
  try {
    text = claims.dump();
  } catch (const json::exception&) {
    // Not UTF-8: who mints is told.
  }
  return std::make_shared<const TxnContext>(std::move(claims), std::move(text));
}

Result<std::string> txn_payload(const TxnDomain& domain, const TxnToken& token, Time now) {
  auto start = start_of(domain, token, now);
  if (!start) return start;
  const auto rest = rest_of(token.transaction);
  if (!rest) return fail(rest.error());
  return *start += *rest;
}

Result<TxnStart> TxnStart::make(const TxnDomain& domain, const TxnToken& token, Time now) {
  const auto start = start_of(domain, token, now);
  if (!start) return fail(start.error());
  return TxnStart(SealedStart(kTxnTokenType, *start));
}

Result<std::string> TxnStart::mint(std::string_view transaction, std::span<const SealKey> keys) const {
  const auto rest = rest_of(transaction);
  if (!rest) return fail(rest.error());
  return start_.finish(*rest, keys);
}

Result<std::string> mint(const SigningKey& key, const TxnDomain& domain, const TxnToken& token, Time now) {
  auto payload = txn_payload(domain, token, now);
  if (!payload) return payload;
  return key.sign_payload(kTxnTokenType, *payload);
}

Result<std::string> mint(std::span<const SealKey> keys, const TxnDomain& domain, const TxnToken& token, Time now) {
  const auto start = TxnStart::make(domain, token, now);
  if (!start) return fail(start.error());
  return start->mint(token.transaction, keys);
}

TokenResult<TxnToken> verify_txn_token(std::string_view text, const KeySet& keys, const TxnDomain& domain, Time now,
                                       const SealKey* seal) {
  const Expectations expected = expectations(domain, seal);
  const auto payload = open_token(text, keys, expected);
  if (!payload) return std::unexpected(payload.error());
  static thread_local Json claims;  // it holds its memory, of what was verified
  auto registered = read_claims(*payload, expected, now, claims);
  if (!registered) return std::unexpected(std::move(registered.error()));
  auto transaction = member_text(claims, 0, "txn", kMaxText);
  auto scope = member_text(claims, 0, "scope", kMaxToken);
  auto context = read_context(claims);
  auto request = read_request(claims);
  if (!transaction) return std::unexpected(transaction.error());
  if (!scope) return std::unexpected(scope.error());
  if (!context) return std::unexpected(context.error());
  if (!request) return std::unexpected(request.error());
  return TxnToken{std::move(*transaction), std::move(registered->subject),
                  std::move(*scope),       std::move(*context),
                  std::move(*request),     *registered->issued,
                  registered->expires};
}

}  // namespace bulkhead::jose
