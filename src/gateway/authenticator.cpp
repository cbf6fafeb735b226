#include "gateway/authenticator.hpp"

#include <algorithm>

#include <fmt/ranges.h>

#include "jose/token.hpp"
#include "policy/decide.hpp"
#include "proxy/provider.hpp"

namespace bulkhead::gateway {

namespace {

using nlohmann::json;

constexpr std::string_view kAuthorization = "authorization";
constexpr std::string_view kApiKey = "x-api-key";
constexpr std::string_view kBearer = "bearer";
constexpr std::string_view kInvalidToken = "invalid_token";
constexpr std::string_view kScopes = "scopes";

// What follows "Bearer" and spaces; nothing where another scheme stands there.
std::optional<std::string_view> bearer_of(std::string_view value) {
  const std::size_t end = std::min(value.find(' '), value.size());
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  if (!std::ranges::equal(value.substr(0, end), kBearer, {}, lower)) return std::nullopt;
  value.remove_prefix(end);
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return value;
}

std::unexpected<Challenge> ambiguous() {
  return std::unexpected(Challenge{"invalid_request", "the request brings more than one credential", {}});
}

// The one credential; "" where none is there.
std::expected<std::string_view, Challenge> credential_of(const http::Fields& fields) {
  const std::size_t bearers = fields.count(kAuthorization);
  const std::size_t keys = fields.count(kApiKey);
  if (bearers > 1 || keys > 1) return ambiguous();
  const auto bearer = bearers == 1 ? bearer_of(*fields.only(kAuthorization)) : std::nullopt;
  if (keys == 0) return bearer.value_or("");
  if (bearer) return ambiguous();
  return *fields.only(kApiKey);
}

// `scope` is words in one text (RFC 8693 §4.2), elsewhere a list.
json scopes_of(const json& claims) {
  const auto scope = claims.find("scope");
  if (scope != claims.end() && scope->is_array()) return *scope;
  json scopes = json::array();
  if (scope == claims.end() || !scope->is_string()) return scopes;
  std::string_view text = scope->get_ref<const std::string&>();
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) scopes.push_back(std::string(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return scopes;
}

IdentityPtr identity_of(const jose::Token& token, const proxy::Provider& provider) {
  json claims = json::object();
  for (const std::string& name : provider.claims)
    if (const auto claim = token.claims.find(name); claim != token.claims.end()) claims[name] = *claim;
  if (json scopes = scopes_of(token.claims); !scopes.empty()) claims[kScopes] = std::move(scopes);
  return std::make_shared<const Identity>(token.subject, provider.name, std::move(claims));
}

IdentityPtr identity_of(const manifest::ApiKey& key, const proxy::Provider& provider) {
  json claims = json::object();
  if (!key.scopes.empty()) claims[kScopes] = key.scopes;
  return std::make_shared<const Identity>(key.id, provider.name, std::move(claims));
}

}  // namespace

bool Identity::has_scope(std::string_view scope) const {
  const json& all = context->claims;
  const auto scopes = all.find(kScopes);
  return scopes != all.end() && std::ranges::any_of(*scopes, [&](const json& each) {
           return each.is_string() && each.get_ref<const std::string&>() == scope;
         });
}

std::string to_string(const Challenge& challenge, std::string_view realm) {
  std::string text = fmt::format("Bearer realm=\"{}\"", realm);
  if (!challenge.error.empty()) text += fmt::format(", error=\"{}\"", challenge.error);
  if (!challenge.description.empty()) text += fmt::format(", error_description=\"{}\"", challenge.description);
  if (!challenge.scopes.empty()) text += fmt::format(", scope=\"{}\"", fmt::join(challenge.scopes, " "));
  return text;
}

std::string allowance(const manifest::Auth& rule, const Challenge& challenge) {
  const bool none_came = challenge.error.empty();
  if (!none_came && challenge.scopes.empty()) return "";
  std::string line = fmt::format("auth: {{by: [{}]", fmt::join(rule.by, ", "));
  std::vector<std::string> scopes;
  for (const std::string& scope : rule.scopes)
    if (std::ranges::find(challenge.scopes, scope) == challenge.scopes.end())
      scopes.push_back(fmt::format("\"{}\"", policy::between_quotes(scope)));
  if (!scopes.empty()) line += fmt::format(", scopes: [{}]", fmt::join(scopes, ", "));
  if (rule.optional || none_came) line += ", optional: true";
  return line + "}";
}

Result<std::shared_ptr<Authenticator::Provider>> Authenticator::make(const proxy::Provider& words) {
  auto provider = std::make_shared<Provider>(words);
  if (!words.client_anchors_pem.empty()) {
    auto anchors = proxy::read_client_anchors(words);
    if (!anchors) return fail(within(words.name, std::move(anchors.error())));
    provider->authority = std::make_shared<const ClientAuthority>(
        words.name, std::move(*anchors), identity::parse_client_name_kind(words.client_subject), words.claims);
  } else if (words.issuer.empty()) {
    auto keys = proxy::read_api_keys(words);
    if (!keys) return fail(within(words.name, std::move(keys.error())));
    provider->api_keys = std::move(*keys);
    for (const manifest::ApiKey& key : words.api_keys) provider->api_users.emplace(key.id, identity_of(key, words));
  } else if (!words.jwks.empty()) {
    auto keys = proxy::read_key_set(words);
    if (!keys) return fail(within(words.name, std::move(keys.error())));
    provider->keys = std::move(*keys);
  }
  return provider;
}

Result<> Authenticator::configure(const proxy::Gateway& gateway) {
  std::map<std::string, std::shared_ptr<Provider>, std::less<>> next;
  for (const proxy::Provider& words : gateway.providers) {
    const auto known = providers_.find(words.name);
    if (known != providers_.end() && known->second->words == words) {
      next.emplace(words.name, known->second);
      continue;
    }
    auto made = make(words);
    if (!made) return fail(std::move(made.error()));
    next.emplace(words.name, std::move(*made));
  }
  providers_ = std::move(next);
  return {};
}

void Authenticator::take_keys(std::string_view provider, std::optional<jose::KeySet> keys) {
  if (const auto known = providers_.find(provider); known != providers_.end()) known->second->keys = std::move(keys);
}

Authenticator::Found Authenticator::by_token(Provider& provider, std::string_view text, const jose::Digest& digest,
                                             jose::Time now) {
  if (!provider.keys) return std::unexpected(Fault{{kInvalidToken, "no key is there to verify it", {}}, true});
  if (const auto known = provider.verified.find(digest, provider.keys->revision(), now)) return known->identity;
  const jose::Expectations expected{.issuer = provider.words.issuer, .audiences = provider.words.audiences};
  auto token = jose::verify(text, *provider.keys, expected, now);
  if (!token) {
    const bool old = token.error().cause == jose::TokenCause::unknown_key && provider.words.jwks.empty();
    return std::unexpected(Fault{{kInvalidToken, std::move(token.error().message), {}}, old});
  }
  const auto kept = std::make_shared<const Verified>(identity_of(*token, provider.words), token->expires);
  provider.verified.put(digest, provider.keys->revision(), kept);
  return kept->identity;
}

// A stranger hears the same of an id that is not there and of a secret that is wrong.
Authenticator::Found Authenticator::by_api_key(const Provider& provider, std::string_view text, jose::Time now) {
  const auto key = provider.api_keys->verify(text, now);
  if (!key) {
    const bool expired = key.error() == jose::ApiKeyCause::expired;
    return std::unexpected(
        Fault{{kInvalidToken, expired ? "the API key has expired" : "the API key is not known", {}}});
  }
  return provider.api_users.at((*key)->id);
}

// A fault of whoever could be meant: with several providers of tokens, of the last one.
Authenticator::Answer Authenticator::find(const manifest::Auth& rule, std::string_view credential, jose::Time now) {
  const bool is_key = jose::parse_api_key(credential).has_value();
  const jose::Digest digest = is_key ? jose::Digest{} : jose::sha256(credential);
  Answer answer;
  for (const std::string& name : rule.by) {
    const auto known = providers_.find(name);
    if (known == providers_.end()) continue;
    Provider& provider = *known->second;
    if (provider.authority || provider.api_keys.has_value() != is_key) continue;
    Found found = is_key ? by_api_key(provider, credential, now) : by_token(provider, credential, digest, now);
    if (found) return {.identity = std::move(*found)};
    answer.challenge = std::move(found.error().challenge);
    if (!found.error().wants_keys) continue;
    answer.wants_keys = name;
    answer.keys_missing = answer.keys_missing || !provider.keys;
  }
  if (!answer.challenge)
    answer.challenge = Challenge{kInvalidToken, "nobody asked for here gives such credentials", {}};
  return answer;
}

Authenticator::Answer Authenticator::find(const manifest::Auth& rule, ClientCertificate& certificate,
                                          jose::Time now) const {
  Answer answer;
  for (const std::string& name : rule.by) {
    const auto known = providers_.find(name);
    if (known == providers_.end() || !known->second->authority) continue;
    const Result<IdentityPtr>& judged = certificate.judge(known->second->authority, now);
    if (judged) return {.identity = *judged};
    answer.challenge =
        Challenge{kInvalidToken, fmt::format("the client certificate is not accepted: {}", judged.error().message), {}};
  }
  return answer;
}

bool Authenticator::asks_for_certificates_only(const manifest::Auth& rule) const {
  return std::ranges::all_of(rule.by, [&](const std::string& name) {
    const auto known = providers_.find(name);
    return known != providers_.end() && known->second->authority;
  });
}

Authenticator::Answer Authenticator::ask(const manifest::Auth& rule, const http::Fields& fields, jose::Time now,
                                         ClientCertificate* certificate) {
  if (rule.by.empty()) return {};
  const auto credential = credential_of(fields);
  if (credential) return ask(rule, *credential, now, certificate);
  Answer answer{.challenge = credential.error()};
  answer.challenge->by_certificate_only = asks_for_certificates_only(rule);
  return answer;
}

std::string_view Authenticator::credential(const http::Fields& fields) {
  return credential_of(fields).value_or(std::string_view());
}

Authenticator::Answer Authenticator::ask(const manifest::Auth& rule, std::string_view credential, jose::Time now,
                                         ClientCertificate* certificate) {
  if (rule.by.empty()) return {};
  Answer answer;
  if (!credential.empty())
    answer = find(rule, credential, now);
  else if (certificate != nullptr && certificate->is_there())
    answer = find(rule, *certificate, now);
  if (answer.identity) {
    Challenge lacking{"insufficient_scope", "the credential is not good for this", {}};
    for (const std::string& scope : rule.scopes)
      if (!answer.identity->has_scope(scope)) lacking.scopes.push_back(scope);
    if (lacking.scopes.empty()) return answer;
    return {.challenge = std::move(lacking), .lacking = std::move(answer.identity)};
  }
  if (!answer.challenge && !rule.optional) answer.challenge = Challenge{};
  if (answer.challenge) answer.challenge->by_certificate_only = asks_for_certificates_only(rule);
  return answer;
}

void Authenticator::strip(http::Fields& fields, bool asked) const {
  if (providers_.empty()) return;
  fields.remove(kApiKey);
  fields.remove_if([&](const http::Field& field) {
    return http::equal_ignoring_case(field.name, kAuthorization) && (asked || bearer_of(field.value));
  });
}

}  // namespace bulkhead::gateway
