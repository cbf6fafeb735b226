#include "proxy/provider.hpp"

namespace bulkhead::proxy {

Result<jose::KeySet> read_key_set(const Provider& provider) { return read_key_set(provider, provider.jwks); }

Result<jose::KeySet> read_key_set(const Provider& provider, std::string_view jwks) {
  const auto rsa = jose::parse_algorithm(provider.rsa_algorithm);
  if (!rsa || !jose::is_rsa(*rsa)) return fail(Cause::invalid, "'{}' is no algorithm of RSA", provider.rsa_algorithm);
  return jose::KeySet::parse(jwks, *rsa);
}

Result<jose::ApiKeys> read_api_keys(const Provider& provider) {
  std::vector<jose::ApiKey> keys;
  for (const manifest::ApiKey& each : provider.api_keys) {
    auto hash = jose::parse_hash(each.hash);
    if (!hash) return fail(within(each.id, std::move(hash.error())));
    jose::ApiKey key{each.id, *hash, each.scopes, std::nullopt};
    if (each.expires) key.expires = jose::Time(std::chrono::seconds(*each.expires));
    keys.push_back(std::move(key));
  }
  return jose::ApiKeys::make(std::move(keys));
}

Result<identity::ClientAnchors> read_client_anchors(const Provider& provider) {
  if (!provider.client_subject.empty() && !identity::parse_client_name_kind(provider.client_subject))
    return fail(Cause::invalid, "'{}' is no kind of name", provider.client_subject);
  return identity::ClientAnchors::parse(provider.client_anchors_pem);
}

}  // namespace bulkhead::proxy
