#include "proxy/end_user.hpp"

#include <gtest/gtest.h>

#include "jose/signing_key.hpp"

namespace bulkhead::proxy {
namespace {

using std::chrono::seconds;

constexpr jose::Time kNow{seconds(1'800'000'000)};

class EndUserTest : public ::testing::Test {
 protected:
  EndUserTest() {
    snapshot_.app = "shop";
    snapshot_.trust_domain = "shop.bulkhead";
    snapshot_.user_keys = key_.public_jwk();
    users_.take(snapshot_);
  }

  std::string minted(const jose::SigningKey& key) const {
    jose::TxnToken token;
    token.transaction = "t-1";
    token.subject = "ann";
    token.scope = "gateway.routes[0]";
    token.context = std::make_shared<const jose::TxnContext>(nlohmann::json{{"tier", "gold"}});
    token.request.provider = "customers";
    return *jose::mint(key, txn_domain(snapshot_), token, kNow);
  }

  std::string cause_of(const http::Fields& fields, jose::Time now = kNow) {
    const auto user = users_.read(fields, now);
    if (!user) return std::string(to_string(user.error().cause));
    return *user ? std::string((*user)->user.subject) : "nobody";
  }

  jose::SigningKey key_ = *jose::SigningKey::generate(jose::Algorithm::es256);
  Snapshot snapshot_;
  EndUsers users_;
};

TEST_F(EndUserTest, IsWhomTheGatewaySigned) {
  const auto user = users_.read({{"Txn-Token", minted(key_)}}, kNow);
  ASSERT_TRUE(user) << user.error().message;
  EXPECT_EQ((*user)->user.subject, "ann");
  EXPECT_EQ((*user)->user.provider, "customers");
  EXPECT_EQ((*user)->user.claims.find(conditions::Value::string("tier"))->as_text(), "gold");
}

TEST_F(EndUserTest, IsWhomTheGatewaySealedForThisService) {
  const std::string secret(32, 's');
  std::vector<jose::SealKey> seals;
  for (const auto* name : {"web", "orders"}) seals.push_back(jose::SealKey::derive(secret, name));
  const std::string text = *jose::mint(seals, txn_domain(snapshot_),
                                       {.transaction = "t-1", .subject = "ann", .scope = "gateway.routes[0]"}, kNow);
  const http::Fields fields{{"txn-token", text}};
  EXPECT_EQ(cause_of(fields), "algorithm") << "this service has no key for seals";
  snapshot_.user_seal = seals[1].text();
  users_.take(snapshot_);
  EXPECT_EQ(cause_of(fields), "ann");
  EXPECT_EQ(cause_of({{"txn-token", minted(key_)}}), "ann") << "while some are signed";
  snapshot_.user_seal = jose::SealKey::derive(secret, "bank").text();
  users_.take(snapshot_);
  EXPECT_EQ(cause_of(fields), "signature") << "sealed for others, and not remembered";
}

TEST_F(EndUserTest, IsNobodyWhereNothingSaysSo) { EXPECT_EQ(cause_of({{"accept", "*/*"}}), "nobody"); }

TEST_F(EndUserTest, IsNotBelievedWithoutTheGatewaysSignature) {
  const auto other = *jose::SigningKey::generate(jose::Algorithm::es256);
  EXPECT_EQ(cause_of({{"txn-token", minted(other)}}), "unknown_key");
  EXPECT_EQ(cause_of({{"txn-token", "ann"}}), "malformed");
  EXPECT_EQ(cause_of({{"txn-token", ""}}), "malformed");
  const std::string good = minted(key_);
  EXPECT_EQ(cause_of({{"txn-token", good}, {"Txn-Token", good}}), "malformed") << "there are two";
  std::string widened = good;
  widened[widened.find('.') + 9] ^= 1;
  EXPECT_EQ(cause_of({{"txn-token", widened}}), "signature");
}

TEST_F(EndUserTest, EndsWithItsToken) {
  const http::Fields fields{{"txn-token", minted(key_)}};
  EXPECT_EQ(cause_of(fields, kNow + seconds(59)), "ann");
  EXPECT_EQ(cause_of(fields, kNow + seconds(120)), "expired") << "also where it is remembered";
}

TEST_F(EndUserTest, IsOfOneApplication) {
  const http::Fields fields{{"txn-token", minted(key_)}};
  snapshot_.trust_domain = "bank.bulkhead";
  users_.take(snapshot_);
  EndUsers fresh;
  fresh.take(snapshot_);
  EXPECT_FALSE(fresh.read(fields, kNow));
}

TEST_F(EndUserTest, IsKnownByTheKeysOfTheLastSnapshot) {
  const http::Fields fields{{"txn-token", minted(key_)}};
  EXPECT_EQ(cause_of(fields), "ann");
  snapshot_.user_keys = jose::SigningKey::generate(jose::Algorithm::es256)->public_jwk();
  users_.take(snapshot_);
  EXPECT_EQ(cause_of(fields), "unknown_key") << "also where it is remembered";
  snapshot_.user_keys.clear();
  users_.take(snapshot_);
  EXPECT_FALSE(users_.known());
  EXPECT_EQ(cause_of(fields), "nobody") << "the field is the application's own";
}

}  // namespace
}  // namespace bulkhead::proxy
