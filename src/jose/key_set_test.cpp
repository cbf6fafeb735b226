#include "jose/key_set.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "jose/fixture.hpp"

namespace bulkhead::jose {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// RFC 7515 appendices A.2.1 and A.3.1, RFC 8037 appendix A.2, without `d`.
const std::string kModulus =
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-"
    "pCgNM"
    "sD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"
    "UTo7WTBEMa2R2CapHg665xsmtdV"
    "MTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
json rsa() { return {{"kty", "RSA"}, {"n", kModulus}, {"e", "AQAB"}}; }
json ec() {
  return {{"kty", "EC"},
          {"crv", "P-256"},
          {"x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"},
          {"y", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}};
}
json okp() { return {{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", test::kPublic}}; }
json with(json jwk, json changes) {
  jwk.merge_patch(changes);
  return jwk;
}

TEST(Jwk, TheAlgorithmIsPinnedByAlgOrCurveOrTheOperator) {
  const auto pinned = [](const json& jwk, Algorithm rsa = Algorithm::rs256) {
    const auto key = read_jwk(jwk, rsa);
    return key ? std::string(to_string(key->algorithm())) : key.error().message;
  };
  EXPECT_EQ(pinned(rsa()), "RS256");
  EXPECT_EQ(pinned(rsa(), Algorithm::ps384), "PS384");
  EXPECT_EQ(pinned(with(rsa(), {{"alg", "PS512"}})), "PS512");
  EXPECT_EQ(pinned(with(rsa(), {{"alg", "RS384"}}), Algorithm::ps384), "RS384");
  EXPECT_EQ(pinned(ec()), "ES256");
  EXPECT_EQ(pinned(with(ec(), {{"alg", "ES256"}})), "ES256");
  EXPECT_EQ(pinned(okp()), "EdDSA");
}

struct Refused {
  json jwk;
  Cause cause;
  std::string_view says;
};

TEST(Jwk, WhatIsNoPublicKeyForSignaturesIsRefused) {
  const std::string short_modulus = encode_base64url(std::string(128, '\xff'));
  const std::string long_modulus = encode_base64url(std::string(1025, '\xff'));
  const std::vector<Refused> table{
      {json::array(), Cause::invalid, "not an object"},
      {json::object(), Cause::invalid, "no kty"},
      {{{"kty", 1}}, Cause::invalid, "kty is not a string"},
      {{{"kty", "AKP"}}, Cause::unsupported, "kty is none of"},
      {with(rsa(), {{"kty", "rsa"}}), Cause::unsupported, "kty is none of"},
      {{{"kty", "oct"}, {"k", "AA"}}, Cause::denied, "shared secret"},
      {with(rsa(), {{"d", "AA"}}), Cause::denied, "private member 'd'"},
      {with(rsa(), {{"qi", "AA"}}), Cause::denied, "private member 'qi'"},
      {with(ec(), {{"d", "AA"}, {"use", "enc"}}), Cause::denied, "private member 'd'"},
      {with(okp(), {{"d", ""}}), Cause::denied, "private member 'd'"},
      {with(rsa(), {{"use", "enc"}}), Cause::unsupported, "use is not sig"},
      {with(rsa(), {{"use", 1}}), Cause::unsupported, "use is not sig"},
      {with(rsa(), {{"key_ops", {"sign"}}}), Cause::unsupported, "does not have verify"},
      {with(rsa(), {{"key_ops", "verify"}}), Cause::invalid, "key_ops is not a list"},
      {with(rsa(), {{"alg", "RSA-OAEP"}}), Cause::unsupported, "alg is none"},
      {with(rsa(), {{"alg", "HS256"}}), Cause::unsupported, "alg is none"},
      {with(rsa(), {{"alg", "none"}}), Cause::unsupported, "alg is none"},
      {with(rsa(), {{"alg", "rs256"}}), Cause::unsupported, "alg is none"},
      {with(rsa(), {{"alg", 1}}), Cause::invalid, "alg is not a string"},
      {with(rsa(), {{"alg", "ES256"}}), Cause::invalid, "not one of RSA"},
      {with(rsa(), {{"kid", 7}}), Cause::invalid, "kid is not a string"},
      {with(rsa(), {{"kid", ""}}), Cause::invalid, "kid has 0 octets"},
      {with(rsa(), {{"kid", std::string(1025, 'k')}}), Cause::invalid, "kid has 1025 octets"},
      {with(rsa(), {{"n", nullptr}}), Cause::invalid, "no n"},
      {with(rsa(), {{"n", short_modulus}}), Cause::invalid, "1024 bits"},
      {with(rsa(), {{"n", long_modulus}}), Cause::invalid, "longer than 8192 bits"},
      {with(rsa(), {{"n", kModulus + "="}}), Cause::invalid, "base64url"},
      {with(rsa(), {{"n", encode_base64url(std::string("\0", 1) + *decode_base64url(kModulus))}}), Cause::invalid,
       "zero octet"},
      {with(rsa(), {{"n", encode_base64url(std::string(255, '\xff') + '\xfe')}}), Cause::invalid, "n is even"},
      {with(rsa(), {{"e", "AQ"}}), Cause::invalid, "even or below 65537"},
      {with(rsa(), {{"e", "Aw"}}), Cause::invalid, "even or below 65537"},
      {with(rsa(), {{"e", "AQAA"}}), Cause::invalid, "even or below 65537"},
      {with(rsa(), {{"e", encode_base64url(std::string(9, '\x01'))}}), Cause::invalid, "longer than 8 octets"},
      {with(rsa(), {{"e", ""}}), Cause::invalid, "empty"},
      {with(ec(), {{"crv", "secp256k1"}}), Cause::unsupported, "curve is none"},
      {with(ec(), {{"crv", "Ed25519"}}), Cause::unsupported, "curve is none"},
      {with(ec(), {{"alg", "ES384"}}), Cause::invalid, "its curve P-256 is for ES256"},
      {with(ec(), {{"y", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a4"}}), Cause::invalid, "not on P-256"},
      {with(ec(), {{"x", encode_base64url(std::string(32, '\xff'))}}), Cause::invalid, "not on P-256"},
      {with(ec(), {{"x", "AA"}}), Cause::invalid, "1 octets; it has 32"},
      {with(ec(), {{"crv", "P-384"}}), Cause::invalid, "32 octets; it has 48"},
      {with(okp(), {{"crv", "X25519"}}), Cause::unsupported, "curve is none"},
      {with(okp(), {{"crv", "Ed448"}}), Cause::invalid, "32 octets; it has 57"},
      {with(okp(), {{"alg", "ES256"}}), Cause::invalid, "is for EdDSA"},
  };
  for (const auto& [jwk, cause, says] : table) {
    const auto key = read_jwk(jwk, Algorithm::rs256);
    ASSERT_FALSE(key) << jwk;
    EXPECT_EQ(to_string(key.error().cause), to_string(cause)) << jwk;
    EXPECT_THAT(key.error().message, HasSubstr(says)) << jwk;
  }
}

TEST(Jwk, OtherMembersAreNotLookedAt) {
  const json more{{"use", "sig"}, {"key_ops", {"verify", "encrypt"}}, {"x5c", {"AA"}}, {"x5t", "A"}, {"ext", true}};
  EXPECT_TRUE(read_jwk(with(rsa(), more), Algorithm::rs256));
  EXPECT_TRUE(read_jwk(with(okp(), more), Algorithm::rs256));
}

TEST(KeySet, KeysOfUnknownKindsAreLeftOutAndTheReasonSaid) {
  const json document{{"keys",
                       {with(rsa(), {{"kid", "r"}}),
                        {{"kty", "AKP"}, {"kid", "pq"}},
                        with(ec(), {{"alg", "ECDH-ES"}}),
                        with(okp(), {{"kid", "o"}})}}};
  const auto set = KeySet::parse(document.dump());
  ASSERT_TRUE(set) << set.error().message;
  ASSERT_EQ(set->keys().size(), 2U);
  EXPECT_EQ(set->keys()[0].id(), "r");
  EXPECT_EQ(set->keys()[1].id(), "o");
  ASSERT_EQ(set->left_out().size(), 2U);
  EXPECT_EQ(set->left_out()[0].key, "key 2 (kid 'pq')");
  EXPECT_EQ(set->left_out()[0].why, "its kty is none of RSA, EC and OKP");
  EXPECT_EQ(set->left_out()[1].key, "key 3");
}

TEST(KeySet, ASecretAmongThePublicKeysRefusesTheDocument) {
  const json document{{"keys", {rsa(), {{"kty", "oct"}, {"k", "c2VjcmV0"}, {"kid", "s"}}}}};
  const auto set = KeySet::parse(document.dump());
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().cause, Cause::denied);
  EXPECT_EQ(set.error().message, "the key set: key 2 (kid 's'): it is a shared secret (kty oct), not a public key");
  EXPECT_THAT(set.error().message, testing::Not(HasSubstr("c2VjcmV0")));
}

TEST(KeySet, ADocumentWithoutAUsableKeyIsAnError) {
  const auto why = [](std::string_view text) {
    const auto set = KeySet::parse(text);
    return set ? "" : set.error().message;
  };
  EXPECT_EQ(why(R"({"keys":[]})"), "the key set is empty");
  EXPECT_EQ(why(R"({"keys":[{"kty":"AKP"}]})"),
            "the key set has no key that can be used: key 1: its kty is none of RSA, EC and OKP");
  EXPECT_THAT(why("[]"), HasSubstr("not an object"));
  EXPECT_THAT(why("{}"), HasSubstr("no list 'keys'"));
  EXPECT_THAT(why(R"({"keys":{}})"), HasSubstr("no list 'keys'"));
  EXPECT_THAT(why(R"({"keys":[],"keys":[]})"), HasSubstr("twice"));
  EXPECT_THAT(why(R"({"keys":[],"kty":"RSA"})"), HasSubstr("both kty and keys"));
  EXPECT_THAT(why("{\"keys\":["), HasSubstr("bad JSON"));
}

TEST(KeySet, ASingleKeyIsASet) {
  const auto set = KeySet::parse(test::jwk("a"));
  ASSERT_TRUE(set);
  EXPECT_EQ(set->keys().size(), 1U);
}

TEST(KeySet, ItsSizeIsLimited) {
  json many = json::array();
  for (int i = 0; i < 257; ++i) many.push_back(okp());
  EXPECT_FALSE(KeySet::parse(json{{"keys", many}}.dump()));
  many.erase(many.begin());
  EXPECT_TRUE(KeySet::parse(json{{"keys", many}}.dump()));
  EXPECT_FALSE(KeySet::parse(test::jwk("a") + std::string(KeySet::kMaxText, ' ')));
}

TEST(KeySet, ItsRevisionFollowsTheTextAndTheOperatorsAlgorithm) {
  const std::string text = rsa().dump();
  EXPECT_EQ(KeySet::parse(text)->revision(), KeySet::parse(text)->revision());
  EXPECT_NE(KeySet::parse(text)->revision(), KeySet::parse(text, Algorithm::ps256)->revision());
  EXPECT_NE(KeySet::parse(test::jwk("a"))->revision(), KeySet::parse(test::jwk("b"))->revision());
  EXPECT_FALSE(KeySet::parse(text, Algorithm::es256));
}

}  // namespace
}  // namespace bulkhead::jose
