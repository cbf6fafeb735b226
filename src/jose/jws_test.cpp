#include "jose/jws.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jose/fixture.hpp"

namespace bulkhead::jose {
namespace {

using test::signed_token;

std::string cause_of(std::string_view token, const KeySet& keys = test::keys()) {
  const auto jws = open_jws(token, keys);
  return jws ? "verified" : std::string(to_string(jws.error().cause));
}

TEST(Jws, GivesPayloadTypeAndKey) {
  const KeySet keys = test::keys();
  const auto jws = open_jws(signed_token(R"({"alg":"EdDSA","kid":"a","typ":"x"})", "payload"), keys);
  ASSERT_TRUE(jws) << jws.error().message;
  EXPECT_EQ(jws->payload, "payload");
  EXPECT_EQ(jws->type, "x");
  EXPECT_EQ(jws->key, &keys.keys()[0]);
}

struct Case {
  std::string_view header;
  std::string_view cause;
};

TEST(Jws, TheHeaderCanNotSayHowItIsVerified) {
  const std::vector<Case> table{
      {R"({"alg":"EdDSA","kid":"a"})", "verified"},
      {R"({"alg":"EdDSA"})", "verified"},
      {R"({ "kid" : "a" , "alg" : "EdDSA" , "x5t" : "A", "x5c": ["A"], "cty": "JWT", "more": {"a": [1]} })",
       "verified"},
      {R"({"alg":"none","kid":"a"})", "algorithm"},
      {R"({"alg":"None"})", "algorithm"},
      {R"({"alg":"nOnE"})", "algorithm"},
      {R"({"alg":"","kid":"a"})", "algorithm"},
      {R"({"alg":"HS256","kid":"a"})", "algorithm"},
      {R"({"alg":"eddsa","kid":"a"})", "algorithm"},
      {R"({"alg":"ES256","kid":"a"})", "algorithm"},
      {R"({"alg":"RS256"})", "algorithm"},
      {R"({"alg":["EdDSA"],"kid":"a"})", "malformed"},
      {R"({"alg":null,"kid":"a"})", "malformed"},
      {R"({"kid":"a"})", "malformed"},
      {R"({"alg":"EdDSA","kid":"b"})", "unknown_key"},
      {R"({"alg":"EdDSA","kid":"A"})", "unknown_key"},
      {R"({"alg":"EdDSA","kid":""})", "unknown_key"},
      {R"({"alg":"EdDSA","kid":"../../dev/null"})", "unknown_key"},
      {R"({"alg":"EdDSA","kid":"a' OR '1'='1"})", "unknown_key"},
      {R"({"alg":"EdDSA","kid":"a\u0000"})", "unknown_key"},
      {R"({"alg":"EdDSA","kid":1})", "malformed"},
      {R"({"alg":"EdDSA","kid":["a"]})", "malformed"},
      {R"({"alg":"EdDSA","kid":"a","typ":1})", "malformed"},
      {R"({"alg":"EdDSA","kid":"a","crit":["exp"],"exp":1})", "header"},
      {R"({"alg":"EdDSA","kid":"a","crit":[]})", "header"},
      {R"({"alg":"EdDSA","kid":"a","b64":false})", "header"},
      {R"({"alg":"EdDSA","kid":"a","b64":true})", "header"},
      {R"({"alg":"EdDSA","kid":"a","jwk":{"kty":"OKP"}})", "header"},
      {R"({"alg":"EdDSA","kid":"a","jku":"https://evil.example/jwks.json"})", "header"},
      {R"({"alg":"EdDSA","kid":"a","x5u":"https://evil.example/c.pem"})", "header"},
      {R"({"alg":"EdDSA","kid":"a","alg":"EdDSA"})", "malformed"},
      {R"({"alg":"EdDSA","kid":"a","kid":"b"})", "malformed"},
      {R"({"alg":"EdDSA","kid":"a","\u0061lg":"none"})", "malformed"},
      {R"({"alg":"EdDSA","kid":"a"} )", "verified"},
      {R"({"alg":"EdDSA","kid":"a"}x)", "malformed"},
      {R"(["alg"])", "malformed"},
      {R"("EdDSA")", "malformed"},
      {"{\"alg\":\"EdDSA\",\"kid\":\"\xff\"}", "malformed"},
      {"\xef\xbb\xbf{\"alg\":\"EdDSA\",\"kid\":\"a\"}", "malformed"},
      {"", "malformed"},
  };
  for (const auto& [header, cause] : table) EXPECT_EQ(cause_of(signed_token(header, "p")), cause) << header;
  EXPECT_EQ(cause_of(signed_token(std::string_view("{\"alg\":\"EdDSA\",\"kid\":\"a\"}\0{}", 28), "p")), "malformed");
  EXPECT_EQ(cause_of(signed_token(R"({"alg":"EdDSA","x":)" + std::string(20, '[') + std::string(20, ']') + "}", "p")),
            "malformed");
}

TEST(Jws, TheCompactFormIsExact) {
  const std::string good = signed_token(R"({"alg":"EdDSA","kid":"a"})", "payload");
  ASSERT_EQ(cause_of(good), "verified");
  const std::string head = good.substr(0, good.find('.'));
  const std::string signature = good.substr(good.rfind('.') + 1);
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string("..."), head, head + "." + signature,
        good + ".", "." + good, good + ".x", good + "=", good + "\n", " " + good, good.substr(0, good.size() - 1) + "/",
        good.substr(0, good.size() - 1), good.substr(0, good.rfind('.') + 1) + std::string(2000, 'A'),
        std::string(R"({"payload":"cA","signature":"AA","protected":"e30"})")}) {
    EXPECT_EQ(cause_of(bad), "malformed") << bad;
  }
  EXPECT_EQ(cause_of(good.substr(0, good.rfind('.') + 1)), "signature");
  EXPECT_EQ(cause_of(good.substr(0, good.rfind('.') + 1) + std::string(86, 'A')), "signature");
  EXPECT_EQ(cause_of(good.substr(0, good.rfind('.') + 1) + signature + signature.substr(0, 2) + "AA"), "signature");
}

// The last character of 64 octets carries four bits; other texts of the same bytes must not be accepted.
TEST(Jws, ASignatureHasOneText) {
  const std::string good = signed_token(R"({"alg":"EdDSA","kid":"a"})", "payload");
  int verified = 0;
  for (const char last : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")) {
    verified += cause_of(good.substr(0, good.size() - 1) + last) == "verified" ? 1 : 0;
  }
  EXPECT_EQ(verified, 1);
}

TEST(Jws, EveryBitOfHeaderAndPayloadIsSigned) {
  const std::string good = signed_token(R"({"alg":"EdDSA","kid":"a"})", "payload");
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    EXPECT_NE(cause_of(bad), "verified") << i;
  }
}

TEST(Jws, ATooLargeTokenIsNotLookedAt) {
  const std::string token = signed_token(R"({"alg":"EdDSA","kid":"a"})", std::string(kMaxToken, 'p'));
  EXPECT_EQ(cause_of(token), "too_large");
  EXPECT_TRUE(open_jws(token, test::keys(), token.size()));
}

TEST(Jws, WithoutKidOnlyOneKeyMayFit) {
  const std::string token = signed_token(R"({"alg":"EdDSA"})", "p");
  const std::string other = R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                            R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
  const auto set = [](std::string_view a, std::string_view b) {
    return *KeySet::parse(fmt::format(R"({{"keys":[{},{}]}})", a, b));
  };
  EXPECT_EQ(cause_of(token, set(test::jwk("a"), other)), "verified");
  EXPECT_EQ(cause_of(token, set(test::jwk("a"), test::jwk("b"))), "ambiguous_key");
  EXPECT_EQ(cause_of(token, *KeySet::parse(other)), "algorithm");
}

// RFC 8032 §7.1, test 2.
constexpr std::string_view kOther =
    R"({"kty":"OKP","crv":"Ed25519","x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw","kid":"a"})";

TEST(Jws, KeysOfOneKidAreTriedInOrder) {
  const std::string token = signed_token(R"({"alg":"EdDSA","kid":"a"})", "p");
  const auto both = *KeySet::parse(fmt::format(R"({{"keys":[{},{}]}})", kOther, test::jwk("a")));
  const auto jws = open_jws(token, both);
  ASSERT_TRUE(jws);
  EXPECT_EQ(jws->key, &both.keys()[1]);
  EXPECT_EQ(cause_of(token, *KeySet::parse(kOther)), "signature");
}

}  // namespace
}  // namespace bulkhead::jose
