#include "jose/txn_token.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "jose/base64url.hpp"

namespace bulkhead::jose {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxText = 255;  // octets of txn and of rctx's members

// The members of an object that is written as it goes: a token is minted for each request, and a tree of values for it
// would cost more than to hash and to encode it.
class Members {
 public:
  explicit Members(std::string& into) : text_(into) { text_ += '{'; }
  ~Members() { text_ += '}'; }
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;

  // Throws json::exception where it is not UTF-8.
  void add(std::string_view name, std::string_view value) {
    const auto is_plain = [](char octet) { return octet >= 0x20 && octet < 0x7f && octet != '"' && octet != '\\'; };
    begin(name);
    if (std::ranges::all_of(value, is_plain)) {
      text_ += '"';
      text_ += value;
      text_ += '"';
    } else {
      text_ += json(value).dump();
    }
  }
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
  members.add_if_any("trace_id", request.trace_id);
}

TokenResult<std::string> member_text(const json& members, const char* name, std::size_t max) {
  const auto member = members.find(name);
  if (member == members.end() || !member->is_string()) {
    return refuse(TokenCause::claims, "the claim {} is missing or not a string", name);
  }
  auto text = member->get<std::string>();
  if (text.empty() || text.size() > max) {
    return refuse(TokenCause::claims, "the claim {} is not 1 to {} octets long", name, max);
  }
  return text;
}

TokenResult<json> object_of(const json& claims, const char* name) {
  const auto claim = claims.find(name);
  if (claim == claims.end()) return json::object();
  if (!claim->is_object()) return refuse(TokenCause::claims, "the claim {} is not an object", name);
  return *claim;
}

TokenResult<std::string> optional_text(const json& members, const char* name) {
  return members.contains(name) ? member_text(members, name, kMaxText) : std::string();
}

TokenResult<RequestContext> read_request(const json& claims) {
  const auto members = object_of(claims, "rctx");
  if (!members) return std::unexpected(members.error());
  auto address = optional_text(*members, "req_ip");
  auto provider = optional_text(*members, "provider");
  auto trace_id = optional_text(*members, "trace_id");
  if (!address) return std::unexpected(address.error());
  if (!provider) return std::unexpected(provider.error());
  if (!trace_id) return std::unexpected(trace_id.error());
  return RequestContext{std::move(*address), std::move(*provider), std::move(*trace_id)};
}

Expectations expectations(const TxnDomain& domain, SignedTrees* trees) {
  return {.issuer = domain.issuer,
          .audiences = {domain.trust_domain},
          .types = {std::string(kTxnTokenType)},
          .type_required = true,
          .leeway = domain.leeway,
          .max_lifetime = domain.lifetime,
          .trees = trees};
}

}  // namespace

Result<std::string> txn_payload(const TxnDomain& domain, const TxnToken& token, Time now) {
  if (!token.context.is_object()) return fail(Cause::invalid, "the context of a transaction token is not an object");
  std::string text;
  try {
    Members claims(text);
    claims.add("aud", domain.trust_domain);
    claims.add("exp", (now + domain.lifetime).time_since_epoch().count());
    claims.add("iat", now.time_since_epoch().count());
    claims.add("iss", domain.issuer);
    if (token.request != RequestContext()) add_request(claims.begin("rctx"), token.request);
    claims.add("scope", token.scope);
    claims.add("sub", token.subject);
    if (!token.context.empty()) claims.begin("tctx") += token.context.dump();
    claims.add("txn", token.transaction);
  } catch (const json::exception&) {
    return fail(Cause::invalid, "a claim to sign is not UTF-8");
  }
  return encode_base64url(text);
}

Result<std::string> mint(const SigningKey& key, const TxnDomain& domain, const TxnToken& token, Time now) {
  auto payload = txn_payload(domain, token, now);
  if (!payload) return payload;
  auto tokens = key.sign_together(kTxnTokenType, {&*payload, 1});
  if (!tokens) return fail(std::move(tokens.error()));
  return std::move(tokens->front());
}

TokenResult<TxnToken> verify_txn_token(std::string_view text, const KeySet& keys, const TxnDomain& domain, Time now,
                                       SignedTrees* trees) {
  auto token = verify(text, keys, expectations(domain, trees), now);
  if (!token) return std::unexpected(token.error());
  auto transaction = member_text(token->claims, "txn", kMaxText);
  auto scope = member_text(token->claims, "scope", kMaxToken);
  auto context = object_of(token->claims, "tctx");
  auto request = read_request(token->claims);
  if (!transaction) return std::unexpected(transaction.error());
  if (!scope) return std::unexpected(scope.error());
  if (!context) return std::unexpected(context.error());
  if (!request) return std::unexpected(request.error());
  return TxnToken{std::move(*transaction), std::move(token->subject), std::move(*scope),
                  std::move(*context),     std::move(*request),       *token->issued,
                  token->expires};
}

}  // namespace bulkhead::jose
