#include "jose/txn_token.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>

#include "jose/base64url.hpp"
#include "jose/fixture.hpp"

namespace bulkhead::jose {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using test::kNow;

const TxnDomain kDomain{.issuer = "spiffe://shop.local/shop/gateway", .trust_domain = "shop.local"};

TxnToken transaction() {
  return {.transaction = "97053963-771d-49cc-a4e3-20aad399c312",
          .subject = "u-7",
          .scope = "/api/checkout/*",
          .context = std::make_shared<const TxnContext>(json{{"tier", "gold"}, {"roles", {"customer"}}}),
          .request = {.client_address = "192.0.2.7", .provider = "customers"}};
}

class Signing : public testing::TestWithParam<Algorithm> {
 protected:
  SigningKey key_ = *SigningKey::generate(GetParam());
  KeySet keys_ = *KeySet::parse(key_.public_jwk());
};
INSTANTIATE_TEST_SUITE_P(Of, Signing, testing::Values(Algorithm::eddsa, Algorithm::es256),
                         [](const auto& each) { return std::string(to_string(each.param)); });

std::string cause_of(const TokenResult<TxnToken>& token) {
  return token ? "verified" : std::string(to_string(token.error().cause));
}

TEST_P(Signing, WhatIsMintedIsVerified) {
  const auto text = mint(key_, kDomain, transaction(), kNow);
  ASSERT_TRUE(text) << text.error().message;
  const auto token = verify_txn_token(*text, keys_, kDomain, kNow);
  ASSERT_TRUE(token) << token.error().message;
  const TxnToken sent = transaction();
  EXPECT_EQ(token->transaction, sent.transaction);
  EXPECT_EQ(token->subject, sent.subject);
  EXPECT_EQ(token->scope, sent.scope);
  ASSERT_TRUE(token->context);
  EXPECT_EQ(token->context->claims, sent.context->claims);
  EXPECT_EQ(token->request, sent.request);
  EXPECT_EQ(token->issued, kNow);
  EXPECT_EQ(token->expires, kNow + kDomain.lifetime);
}

TEST(TxnPayload, IsTheTextOfItsValues) {
  TxnToken token = transaction();
  token.subject = "a\"b\\c/\u00e4\x7f";
  token.scope = "";
  const std::string text = *txn_payload(kDomain, token, kNow);
  const json claims = json::parse(text);
  EXPECT_EQ(claims.dump(), text) << "as it would be written of the values";
  const std::int64_t now = kNow.time_since_epoch().count();
  EXPECT_EQ(claims, (json{{"aud", "shop.local"},
                          {"exp", now + kDomain.lifetime.count()},
                          {"iat", now},
                          {"iss", kDomain.issuer},
                          {"rctx", {{"provider", "customers"}, {"req_ip", "192.0.2.7"}}},
                          {"scope", ""},
                          {"sub", token.subject},
                          {"tctx", token.context->claims},
                          {"txn", token.transaction}}));
  token.context = nullptr;
  token.request = {.client_address = "::1", .provider = ""};
  EXPECT_EQ(json::parse(*txn_payload(kDomain, token, kNow))["rctx"], (json{{"req_ip", "::1"}}));
  token.request = {};
  const json bare = json::parse(*txn_payload(kDomain, token, kNow));
  EXPECT_FALSE(bare.contains("rctx") || bare.contains("tctx"));
  for (const json& given : {json::array(), json{{"tier", "\xff"}}}) {
    token.context = std::make_shared<const TxnContext>(given);
    EXPECT_FALSE(txn_payload(kDomain, token, kNow));
  }
  token.context = nullptr;
  token.transaction = "\xff";
  EXPECT_FALSE(txn_payload(kDomain, token, kNow));
}

TEST_P(Signing, ItsKeyNamesItsAlgorithmAndThumbprint) {
  ASSERT_EQ(keys_.keys().size(), 1U);
  EXPECT_EQ(keys_.keys()[0].id(), key_.id());
  EXPECT_EQ(keys_.keys()[0].algorithm(), GetParam());
  EXPECT_EQ(key_.id().size(), 43U);
  EXPECT_FALSE(json::parse(key_.public_jwk()).contains("d"));
}

TEST_P(Signing, EachOfManySignaturesIsVerified) {
  for (int i = 0; i < 300; ++i) {  // r and s of ES256 are short now and then
    const auto text = key_.sign("t", {{"n", i}});
    ASSERT_TRUE(text);
    ASSERT_TRUE(open_jws(*text, keys_)) << i;
  }
}

TEST_P(Signing, AKeyIsTheSameWhenItIsReadAgain) {
  const auto pem = key_.private_pem();
  ASSERT_TRUE(pem) << pem.error().message;
  const auto again = SigningKey::from_pem(*pem);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->public_jwk(), key_.public_jwk());
  EXPECT_TRUE(verify_txn_token(*mint(*again, kDomain, transaction(), kNow), keys_, kDomain, kNow));
}

TEST(SigningKey, IsNotReadOfAnythingElse) {
  EXPECT_FALSE(SigningKey::from_pem(""));
  EXPECT_FALSE(SigningKey::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"));
  const Evp<EVP_PKEY> other(EVP_EC_gen("P-384"));
  const Evp<BIO> bio(BIO_new(BIO_s_mem()));
  ASSERT_EQ(PEM_write_bio_PKCS8PrivateKey(bio.get(), other.get(), nullptr, nullptr, 0, nullptr, nullptr), 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  const auto key = SigningKey::from_pem({text, static_cast<std::size_t>(size)});
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().cause, Cause::unsupported);
}

TEST_P(Signing, AnotherKeyIsNoForger) {
  const auto other = *SigningKey::generate(GetParam());
  EXPECT_EQ(cause_of(verify_txn_token(*mint(other, kDomain, transaction(), kNow), keys_, kDomain, kNow)),
            "unknown_key");
}

TEST(SigningKey, IsMadeForOurTwoAlgorithmsOnly) {
  EXPECT_FALSE(SigningKey::generate(Algorithm::rs256));
  EXPECT_FALSE(SigningKey::generate(Algorithm::es384));
}

TEST(SigningKey, WhatIsNotUtf8IsNotSigned) {
  const auto key = *SigningKey::generate();
  EXPECT_FALSE(key.sign("t", {{"a", "\xff"}}));
  TxnToken bad = transaction();
  bad.subject = "\xff";
  EXPECT_FALSE(mint(key, kDomain, bad, kNow));
}

class TxnTokens : public testing::Test {
 protected:
  std::string verify_with(std::string_view header, const json& changes) {
    json claims{{"iss", kDomain.issuer},
                {"aud", kDomain.trust_domain},
                {"iat", kNow.time_since_epoch().count()},
                {"exp", kNow.time_since_epoch().count() + 30},
                {"txn", "1"},
                {"sub", "u"},
                {"scope", "r"}};
    claims.merge_patch(changes);
    return cause_of(verify_txn_token(test::signed_token(header, claims.dump()), test::keys(), kDomain, kNow));
  }
  std::string verify_with(const json& changes) {
    return verify_with(R"({"alg":"EdDSA","kid":"a","typ":"txntoken+jwt"})", changes);
  }
};

TEST_F(TxnTokens, AreOfTheirTypeOnly) {
  EXPECT_EQ(verify_with(R"({"alg":"EdDSA","kid":"a","typ":"txntoken+jwt"})", json::object()), "verified");
  EXPECT_EQ(verify_with(R"({"alg":"EdDSA","kid":"a","typ":"application/txntoken+jwt"})", json::object()), "verified");
  EXPECT_EQ(verify_with(R"({"alg":"EdDSA","kid":"a","typ":"JWT"})", json::object()), "type");
  EXPECT_EQ(verify_with(R"({"alg":"EdDSA","kid":"a"})", json::object()), "type");
}

TEST_F(TxnTokens, AreNotEndUsersTokens) {
  const auto key = *SigningKey::generate();
  const Expectations expected{.issuer = kDomain.issuer, .audiences = {kDomain.trust_domain}};
  const auto token = verify(*mint(key, kDomain, transaction(), kNow), *KeySet::parse(key.public_jwk()), expected, kNow);
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().cause, TokenCause::type);
}

TEST_F(TxnTokens, HaveWhatTheDraftAsksFor) {
  for (const char* name : {"iss", "iat", "exp", "txn", "sub", "scope"}) {
    EXPECT_EQ(verify_with({{name, nullptr}}), "claims") << name;
  }
  EXPECT_EQ(verify_with({{"aud", nullptr}}), "audience");
  EXPECT_EQ(verify_with({{"txn", ""}}), "claims");
  EXPECT_EQ(verify_with({{"txn", std::string(256, 'x')}}), "claims");
  EXPECT_EQ(verify_with({{"tctx", 1}}), "claims");
  EXPECT_EQ(verify_with({{"rctx", json::array()}}), "claims");
  EXPECT_EQ(verify_with({{"rctx", {{"req_ip", 1}}}}), "claims");
  EXPECT_EQ(verify_with({{"rctx", {{"more", 1}}}}), "verified");
  EXPECT_EQ(verify_with({{"tctx", {{"a", {1, 2}}}}}), "verified");
}

TEST_F(TxnTokens, LiveForSecondsInTheirDomain) {
  const std::int64_t now = kNow.time_since_epoch().count();
  EXPECT_EQ(verify_with({{"aud", "other.local"}}), "audience");
  EXPECT_EQ(verify_with({{"iss", "spiffe://shop.local/shop/checkout"}}), "issuer");
  EXPECT_EQ(verify_with({{"iat", now}, {"exp", now + 31}}), "lifetime");
  EXPECT_EQ(verify_with({{"iat", now + 6}, {"exp", now + 30}}), "not_yet");
  EXPECT_EQ(verify_with({{"iat", now - 34}, {"exp", now - 4}}), "verified");
  EXPECT_EQ(verify_with({{"iat", now - 35}, {"exp", now - 5}}), "expired");
}

}  // namespace
}  // namespace bulkhead::jose
