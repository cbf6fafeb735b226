#include "jose/signature.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <openssl/rsa.h>

#include "jose/base64url.hpp"
#include "jose/evp.hpp"
#include "jose/key_set.hpp"

namespace bulkhead::jose {
namespace {

using nlohmann::json;

std::string number(EVP_PKEY* key, const char* name, int width) {
  BIGNUM* value = nullptr;
  EVP_PKEY_get_bn_param(key, name, &value);
  const Evp<BIGNUM> owned(value);
  std::string bytes(static_cast<std::size_t>(width), '\0');
  BN_bn2binpad(value, reinterpret_cast<unsigned char*>(bytes.data()), width);
  return encode_base64url(bytes);
}

std::string raw_public(EVP_PKEY* key) {
  std::string bytes(57, '\0');
  std::size_t size = bytes.size();
  EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(bytes.data()), &size);
  return encode_base64url(bytes.substr(0, size));
}

struct Pair {
  Algorithm algorithm;
  KeyHandle secret;
  json jwk;
};

Pair rsa(Algorithm algorithm) {
  static const KeyHandle key(EVP_RSA_gen(2048), EvpDelete());
  return {algorithm,
          key,
          {{"kty", "RSA"}, {"n", number(key.get(), "n", 256)}, {"e", "AQAB"}, {"alg", to_string(algorithm)}}};
}

Pair ec(Algorithm algorithm, const char* curve, int width) {
  const KeyHandle key(EVP_EC_gen(curve), EvpDelete());
  return {
      algorithm,
      key,
      {{"kty", "EC"}, {"crv", curve}, {"x", number(key.get(), "qx", width)}, {"y", number(key.get(), "qy", width)}}};
}

Pair okp(const char* curve, const char* openssl) {
  const KeyHandle key(EVP_PKEY_Q_keygen(nullptr, nullptr, openssl), EvpDelete());
  return {Algorithm::eddsa, key, {{"kty", "OKP"}, {"crv", curve}, {"x", raw_public(key.get())}}};
}

std::vector<Pair> pairs() {
  return {rsa(Algorithm::rs256),
          rsa(Algorithm::rs384),
          rsa(Algorithm::rs512),
          rsa(Algorithm::ps256),
          rsa(Algorithm::ps384),
          rsa(Algorithm::ps512),
          ec(Algorithm::es256, "P-256", 32),
          ec(Algorithm::es384, "P-384", 48),
          ec(Algorithm::es512, "P-521", 66),
          okp("Ed25519", "ED25519"),
          okp("Ed448", "ED448")};
}

TEST(Signature, EachAlgorithmVerifiesWhatItSigned) {
  for (const auto& [algorithm, secret, jwk] : pairs()) {
    const auto set = KeySet::parse(jwk.dump());
    ASSERT_TRUE(set) << jwk << set.error().message;
    const Key& key = set->keys()[0];
    EXPECT_EQ(key.algorithm(), algorithm);
    const auto signature = make_signature(secret.get(), algorithm, "text");
    ASSERT_TRUE(signature) << signature.error().message;
    EXPECT_TRUE(key.verify("text", *signature)) << jwk;
    EXPECT_FALSE(key.verify("texT", *signature)) << jwk;
    EXPECT_FALSE(key.verify("text", "")) << jwk;
    EXPECT_FALSE(key.verify("text", signature->substr(1))) << jwk;
    EXPECT_FALSE(key.verify("text", *signature + '\0')) << jwk;
    EXPECT_FALSE(key.verify("text", std::string(signature->size(), '\0'))) << jwk;
    std::string flipped = *signature;
    flipped[flipped.size() / 3] ^= 1;
    EXPECT_FALSE(key.verify("text", flipped)) << jwk;
  }
}

TEST(Signature, OfOneRsaAlgorithmIsNoneOfAnother) {
  for (const Pair& signer : pairs()) {
    if (!is_rsa(signer.algorithm)) continue;
    const std::string signature = *make_signature(signer.secret.get(), signer.algorithm, "text");
    for (const Pair& other : pairs()) {
      if (!is_rsa(other.algorithm)) continue;
      EXPECT_EQ(verify_signature(other.secret.get(), other.algorithm, "text", signature),
                other.algorithm == signer.algorithm);
    }
  }
}

}  // namespace
}  // namespace bulkhead::jose
