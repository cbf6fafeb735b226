#include "jose/token.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "jose/fixture.hpp"

namespace bulkhead::jose {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using test::kNow;
using testing::HasSubstr;

Expectations expectations() { return {.issuer = "https://id.example", .audiences = {"shop", "shop-admin"}}; }

constexpr std::int64_t kNowNumber = kNow.time_since_epoch().count();

json claims(const json& changes = json::object()) {
  json all{{"iss", "https://id.example"},
           {"aud", "shop"},
           {"sub", "u-7"},
           {"iat", kNowNumber - 10},
           {"exp", kNowNumber + 300}};
  all.merge_patch(changes);
  return all;
}

std::string cause_of(const TokenResult<Token>& token) {
  return token ? "verified" : std::string(to_string(token.error().cause));
}

TokenResult<Token> verify_claims(const std::string& payload, const Expectations& expected = expectations(),
                                 std::string_view header = test::kHeader) {
  return verify(test::signed_token(header, payload), test::keys(), expected, kNow);
}

TEST(Token, GivesItsClaims) {
  const auto token = verify_claims(claims({{"nbf", kNowNumber - 5.5}, {"tier", "gold"}}).dump());
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ(token->issuer, "https://id.example");
  EXPECT_EQ(token->subject, "u-7");
  EXPECT_EQ(token->expires, kNow + seconds(300));
  EXPECT_EQ(token->issued, kNow - seconds(10));
  EXPECT_EQ(token->not_before, kNow - seconds(5));
  EXPECT_EQ(token->claims["tier"], "gold");
}

struct Case {
  json changes;
  std::string_view cause;
};

TEST(Token, ClaimsAreWhatIsExpected) {
  const std::vector<Case> table{
      {json::object(), "verified"},
      {{{"iss", "https://id.example/"}}, "issuer"},
      {{{"iss", "https://ID.example"}}, "issuer"},
      {{{"iss", "evil"}}, "issuer"},
      {{{"iss", nullptr}}, "claims"},
      {{{"iss", json::array({"https://id.example"})}}, "claims"},
      {{{"aud", "shop-admin"}}, "verified"},
      {{{"aud", json::array({"other", "shop"})}}, "verified"},
      {{{"aud", json::array({"other"})}}, "audience"},
      {{{"aud", json::array()}}, "audience"},
      {{{"aud", json::array({"shop", 1})}}, "audience"},
      {{{"aud", "sho"}}, "audience"},
      {{{"aud", "shop "}}, "audience"},
      {{{"aud", "*"}}, "audience"},
      {{{"aud", nullptr}}, "audience"},
      {{{"aud", json::object({{"shop", 1}})}}, "audience"},
      {{{"sub", nullptr}}, "claims"},
      {{{"sub", ""}}, "claims"},
      {{{"sub", 7}}, "claims"},
      {{{"sub", std::string(255, 's')}}, "verified"},
      {{{"sub", std::string(256, 's')}}, "claims"},
      {{{"sub", "a\nb"}}, "claims"},
      {{{"sub", std::string("a\0b", 3)}}, "claims"},
      {{{"sub", "J\xc3\xbcrgen"}}, "verified"},
      {{{"exp", nullptr}}, "claims"},
      {{{"exp", std::to_string(kNowNumber + 300)}}, "claims"},
      {{{"exp", true}}, "claims"},
      {{{"exp", kNowNumber - 59}}, "verified"},
      {{{"exp", kNowNumber - 60}}, "expired"},
      {{{"exp", kNowNumber - 59.5}}, "expired"},
      {{{"exp", 0}}, "expired"},
      {{{"exp", -1}}, "claims"},
      {{{"exp", 1e300}}, "claims"},
      {{{"exp", 253402300799}}, "verified"},
      {{{"exp", 253402300800}}, "claims"},
      {{{"exp", UINT64_MAX}}, "claims"},
      {{{"nbf", kNowNumber + 60}}, "verified"},
      {{{"nbf", kNowNumber + 61}}, "not_yet"},
      {{{"nbf", kNowNumber + 60.5}}, "not_yet"},
      {{{"nbf", "now"}}, "claims"},
      {{{"iat", kNowNumber + 60}}, "verified"},
      {{{"iat", kNowNumber + 61}}, "not_yet"},
      {{{"iat", nullptr}}, "verified"},
      {{{"iat", json::array()}}, "claims"},
  };
  for (const auto& [changes, cause] : table)
    EXPECT_EQ(cause_of(verify_claims(claims(changes).dump())), cause) << changes;
}

TEST(Token, ClaimsAreStrictJson) {
  for (const std::string& payload :
       {std::string(), std::string("[]"), std::string("\"x\""), claims().dump() + "x",
        "{\"sub\":\"a\"," + claims().dump().substr(1),
        "{\"a\":" + std::string(20, '[') + std::string(20, ']') + "," + claims().dump().substr(1)}) {
    EXPECT_EQ(cause_of(verify_claims(payload)), "malformed") << payload;
  }
}

TEST(Token, ItsTypeIsOneThatIsExpected) {
  const auto cause = [](std::string_view type, const Expectations& expected) {
    const std::string typ = type.empty() ? "" : fmt::format(R"(,"typ":"{}")", type);
    return cause_of(verify_claims(claims().dump(), expected, fmt::format(R"({{"alg":"EdDSA","kid":"a"{}}})", typ)));
  };
  Expectations any = expectations();
  EXPECT_EQ(cause("", any), "verified");
  EXPECT_EQ(cause("JWT", any), "verified");
  EXPECT_EQ(cause("jwt", any), "verified");
  EXPECT_EQ(cause("application/jwt", any), "verified");
  EXPECT_EQ(cause("at+JWT", any), "verified");
  EXPECT_EQ(cause("Application/at+jwt", any), "verified");
  EXPECT_EQ(cause("txntoken+jwt", any), "type");
  EXPECT_EQ(cause("logout+jwt", any), "type");
  EXPECT_EQ(cause("text/jwt", any), "type");
  EXPECT_EQ(cause("application/x/jwt", any), "type");
  Expectations access = expectations();
  access.types = {"at+jwt"};
  access.type_required = true;
  EXPECT_EQ(cause("at+jwt", access), "verified");
  EXPECT_EQ(cause("JWT", access), "type");
  EXPECT_EQ(cause("", access), "type");
}

TEST(Token, ItsLifeCanBeLimited) {
  Expectations expected = expectations();
  expected.max_lifetime = seconds(310);
  EXPECT_EQ(cause_of(verify_claims(claims().dump(), expected)), "verified");
  EXPECT_EQ(cause_of(verify_claims(claims({{"exp", kNowNumber + 301}}).dump(), expected)), "lifetime");
  EXPECT_EQ(cause_of(verify_claims(claims({{"iat", nullptr}}).dump(), expected)), "claims");
}

TEST(Token, TheSignatureIsVerifiedBeforeAClaimIsLookedAt) {
  std::string token = test::signed_token(test::kHeader, claims({{"exp", 0}}).dump());
  EXPECT_EQ(cause_of(verify(token, test::keys(), expectations(), kNow)), "expired");
  token[token.size() - 10] ^= 1;
  EXPECT_NE(cause_of(verify(token, test::keys(), expectations(), kNow)), "expired");
}

// RFC 6750 §3: neither quotation marks nor backslashes, and nothing that a stranger wrote.
TEST(Token, AFaultCanBeQuotedInAChallenge) {
  const auto token = verify_claims(claims({{"iss", "\"evil\\"}}).dump());
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().message, "the token is from another issuer");
}

}  // namespace
}  // namespace bulkhead::jose
