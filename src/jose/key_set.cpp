#include "jose/key_set.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/json.hpp"

namespace bulkhead::jose {
namespace {

using nlohmann::json;

constexpr int kDeepestKeySet = 8;
constexpr std::size_t kShownId = 64;

bool is_shown(char character) { return character >= ' ' && character <= '~' && character != '\''; }

std::string name_of(const json& jwk, std::size_t number) {
  const auto kid = jwk.is_object() ? jwk.find("kid") : jwk.end();
  if (kid == jwk.end() || !kid->is_string()) return fmt::format("key {}", number);
  const auto& id = kid->get_ref<const std::string&>();
  if (id.size() > kShownId || !std::ranges::all_of(id, is_shown)) return fmt::format("key {}", number);
  return fmt::format("key {} (kid '{}')", number, id);
}

// The JWKs of a document.
Result<json> keys_of(json document) {
  if (!document.is_object()) return fail(Cause::invalid, "it is not an object");
  const bool single = document.contains("kty");
  const auto keys = document.find("keys");
  if (single && keys != document.end()) return fail(Cause::invalid, "it has both kty and keys: it is one key or a set");
  if (single) return json::array({std::move(document)});
  if (keys == document.end() || !keys->is_array()) return fail(Cause::invalid, "it has no list 'keys'");
  if (keys->size() > KeySet::kMaxKeys) {
    return fail(Cause::invalid, "it has {} keys; at most {} are read", keys->size(), KeySet::kMaxKeys);
  }
  return std::move(*keys);
}

std::unexpected<Fault> no_key(std::span<const LeftOut> left_out) {
  if (left_out.empty()) return fail(Cause::invalid, "the key set is empty");
  return fail(Cause::invalid, "the key set has no key that can be used: {}: {}", left_out[0].key, left_out[0].why);
}

}  // namespace

Result<KeySet> KeySet::parse(std::string_view text, Algorithm rsa_default) {
  if (text.size() > kMaxText) {
    return fail(Cause::invalid, "the key set has {} octets; at most {} are read", text.size(), kMaxText);
  }
  if (!is_rsa(rsa_default)) {
    return fail(Cause::invalid, "{} can't be the algorithm of RSA keys", to_string(rsa_default));
  }
  auto document = read_json(text, kDeepestKeySet);
  if (!document) return fail(within("the key set", document.error()));
  const auto jwks = keys_of(std::move(*document));
  if (!jwks) return fail(within("the key set", jwks.error()));
  KeySet set;
  for (const json& jwk : *jwks) {
    const std::string name = name_of(jwk, set.keys_.size() + set.left_out_.size() + 1);
    auto key = read_jwk(jwk, rsa_default);
    if (key) {
      set.keys_.push_back(std::move(*key));
    } else if (key.error().cause == Cause::denied) {
      return fail(within(fmt::format("the key set: {}", name), key.error()));
    } else {
      set.left_out_.push_back({name, key.error().message});
    }
  }
  if (set.keys_.empty()) return no_key(set.left_out_);
  set.revision_ = sha256(fmt::format("{} {}", to_string(rsa_default), text));
  return set;
}

}  // namespace bulkhead::jose
