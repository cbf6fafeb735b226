#include "jose/signing_key.hpp"

#include <array>

#include <nlohmann/json.hpp>
#include <openssl/core_names.h>

#include "jose/base64url.hpp"
#include "jose/digest.hpp"
#include "jose/evp.hpp"

namespace bulkhead::jose {
namespace {

using nlohmann::json;

constexpr std::size_t kWidth = 32;  // of Ed25519's key and P-256's coordinates, in octets

std::string_view view(const unsigned char* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

Result<std::string> coordinate(EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  std::array<unsigned char, kWidth> bytes{};
  const bool got = EVP_PKEY_get_bn_param(key, name, &number) == 1;
  const Evp<BIGNUM> owned(number);
  if (!got || BN_bn2binpad(number, bytes.data(), kWidth) < 0) return evp_fail("read a public key");
  return encode_base64url(view(bytes.data(), kWidth));
}

// The members that RFC 7638 §3.2 and RFC 8037 §2 take the thumbprint of.
Result<json> required_members(EVP_PKEY* key, Algorithm algorithm) {
  if (algorithm == Algorithm::es256) {
    auto x = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X);
    auto y = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y);
    if (!x) return fail(x.error());
    if (!y) return fail(y.error());
    return json{{"kty", "EC"}, {"crv", "P-256"}, {"x", *x}, {"y", *y}};
  }
  std::array<unsigned char, kWidth> bytes{};
  std::size_t size = bytes.size();
  if (EVP_PKEY_get_raw_public_key(key, bytes.data(), &size) != 1) return evp_fail("read a public key");
  return json{{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", encode_base64url(view(bytes.data(), size))}};
}

// nlohmann writes members in lexicographic order and without white space, as RFC 7638 §3.3 asks.
std::string thumbprint(const json& members) {
  const Digest digest = Sha256()(members.dump());
  return encode_base64url(view(digest.data(), digest.size()));
}

}  // namespace

Result<SigningKey> SigningKey::generate(Algorithm algorithm) {
  if (algorithm != Algorithm::eddsa && algorithm != Algorithm::es256) {
    return fail(Cause::unsupported, "keys for {} are not made here; EdDSA and ES256 are", to_string(algorithm));
  }
  EVP_PKEY* made = algorithm == Algorithm::eddsa ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519") : EVP_EC_gen("P-256");
  if (made == nullptr) return evp_fail("make a key");
  SigningKey key(algorithm, KeyHandle(made, EvpDelete()));
  auto jwk = required_members(made, algorithm);
  if (!jwk) return fail(jwk.error());
  key.id_ = thumbprint(*jwk);
  (*jwk)["kid"] = key.id_;
  (*jwk)["alg"] = to_string(algorithm);
  (*jwk)["use"] = "sig";
  key.public_jwk_ = jwk->dump();
  return key;
}

Result<std::string> SigningKey::sign(std::string_view type, const json& claims) const {
  std::string header;
  std::string payload;
  try {
    header = json{{"alg", to_string(algorithm_)}, {"kid", id_}, {"typ", type}}.dump();
    payload = claims.dump();
  } catch (const json::exception&) {
    return fail(Cause::invalid, "a claim to sign is not UTF-8");
  }
  std::string token;
  token.reserve((header.size() + payload.size()) * 4 / 3 + 100);
  append_base64url(token, header);
  token += '.';
  append_base64url(token, payload);
  const auto signature = make_signature(handle_.get(), algorithm_, token);
  if (!signature) return fail(signature.error());
  token += '.';
  append_base64url(token, *signature);
  return token;
}

}  // namespace bulkhead::jose
