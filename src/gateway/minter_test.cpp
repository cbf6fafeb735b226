#include "gateway/minter.hpp"

#include <gtest/gtest.h>

#include "proxy/defaults.hpp"

namespace bulkhead::gateway {
namespace {

using nlohmann::json;

constexpr jose::Time kNow{std::chrono::seconds(1'700'000'000)};
constexpr Minter::Errand kErrand{"0af7651916cd43dd8448eb211c80319c", "gateway.routes[0]", "192.0.2.7"};

class MinterTest : public testing::Test {
 protected:
  MinterTest() {
    snapshot_.app = "shop";
    snapshot_.trust_domain = "shop.local";
    snapshot_.gateway.signing_key_pem = *key_.private_pem();
    snapshot_.gateway.seals = {seal_of("web").text(), seal_of("orders").text()};
    EXPECT_TRUE(minter_.take(snapshot_));
  }
  static jose::SealKey seal_of(std::string_view service) {
    return jose::SealKey::derive(std::string(32, 's'), service);
  }
  static IdentityPtr identity(const char* subject, json claims = {{"role", "customer"}}) {
    return std::make_shared<const Identity>(subject, "customers", std::move(claims));
  }
  proxy::EndUserPtr mint(const IdentityPtr& of, const Minter::Errand& errand = kErrand, jose::Time now = kNow,
                         bool sealed = true) {
    auto made = minter_.mint(of, errand, sealed, now);
    EXPECT_TRUE(made) << made.error().message;
    return made ? *made : nullptr;
  }
  // What the sidecar of `service` reads in it.
  jose::TokenResult<jose::TxnToken> read(const proxy::EndUserPtr& user, std::string_view service = "orders",
                                         jose::Time now = kNow) const {
    const jose::SealKey seal = seal_of(service);
    return jose::verify_txn_token(user->text, *jose::KeySet::parse(key_.public_jwk()), proxy::txn_domain(snapshot_),
                                  now, &seal);
  }
  void expect(const proxy::EndUserPtr& user, std::string_view subject, const Minter::Errand& errand,
              jose::Time now = kNow) const {
    const auto token = read(user, "orders", now);
    ASSERT_TRUE(token) << token.error().message;
    EXPECT_EQ(token->subject, subject);
    EXPECT_EQ(token->transaction, errand.transaction);
    EXPECT_EQ(token->scope, errand.route);
    EXPECT_EQ(token->request, (jose::RequestContext{std::string(errand.client_address), "customers"}));
    EXPECT_EQ(token->issued, now);
    EXPECT_EQ(token->expires, now + proxy::defaults::kUserToken);
    EXPECT_EQ(token->context->claims, (json{{"role", "customer"}}));
    EXPECT_EQ(user->user.subject, subject);
    EXPECT_EQ(user->user.provider, "customers");
    EXPECT_EQ(user->expires, token->expires);
  }

  jose::SigningKey key_ = *jose::SigningKey::generate(jose::Algorithm::es256);
  proxy::Snapshot snapshot_;
  Minter minter_;
};

TEST_F(MinterTest, EachRequestHasATokenOfItsOwn) {
  const auto ann = identity("ann");
  const auto bob = identity("bob");
  const Minter::Errand next{"1", kErrand.route, kErrand.client_address};
  const Minter::Errand by_another_route{"2", "gateway.routes[1]", kErrand.client_address};
  const Minter::Errand from_elsewhere{"3", kErrand.route, "192.0.2.8"};
  for (int round = 0; round < 3; ++round) {  // what was kept for one is none of the next one's
    for (const auto& errand : {kErrand, next, by_another_route, from_elsewhere}) {
      expect(mint(ann, errand), "ann", errand);
      expect(mint(bob, errand), "bob", errand);
    }
    const jose::Time later = kNow + std::chrono::seconds(1 + round);
    expect(mint(ann, next, later), "ann", next, later);
  }
}

// More than there are places.
TEST_F(MinterTest, ManyUsersAreToldApart) {
  std::vector<IdentityPtr> users;
  for (int i = 0; i < 1000; ++i) users.push_back(identity(std::to_string(i).c_str()));
  for (int round = 0; round < 2; ++round)
    for (int i = 0; i < 1000; ++i) expect(mint(users[static_cast<std::size_t>(i)]), std::to_string(i), kErrand);
}

TEST_F(MinterTest, NothingOfAnOldConfigurationIsKept) {
  const auto ann = identity("ann");
  mint(ann);
  snapshot_.trust_domain = "other.local";
  snapshot_.gateway.seals = {seal_of("orders").text()};
  ASSERT_TRUE(minter_.take(snapshot_));
  const auto user = mint(ann);
  expect(user, "ann", kErrand);
  EXPECT_FALSE(read(user, "web")) << "it has no seal any more";
}

TEST_F(MinterTest, SignsWhereNotAllVerifySealsOrTheyWouldBeTooLong) {
  const auto ann = identity("ann");
  const auto is_signed = [](const proxy::EndUserPtr& user) { return user->text.starts_with("eyJhbGciOiJFUzI1NiI"); };
  EXPECT_FALSE(is_signed(mint(ann)));
  const auto signed_one = mint(ann, kErrand, kNow, false);
  EXPECT_TRUE(is_signed(signed_one));
  EXPECT_TRUE(read(signed_one, "nobody")) << "everybody verifies it";
  for (int i = 0; i < 22; ++i) snapshot_.gateway.seals.push_back(seal_of(std::to_string(i)).text());
  ASSERT_TRUE(minter_.take(snapshot_));
  EXPECT_TRUE(is_signed(mint(identity("ann", {{"role", std::string(2400, 'x')}}))));
  const auto too_large = minter_.mint(identity("ann", {{"role", std::string(4000, 'x')}}), kErrand, true, kNow);
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().message, "the claims that travel are too large");
}

TEST_F(MinterTest, SaysWhatItCanNotMint) {
  for (const bool sealed : {true, false}) {
    const auto fault = minter_.mint(identity("\xff"), kErrand, sealed, kNow);
    ASSERT_FALSE(fault);
    EXPECT_EQ(fault.error().message, "a claim to sign is not UTF-8");
  }
  EXPECT_FALSE(Minter().mint(identity("ann"), kErrand, true, kNow));
  snapshot_.gateway.seals = {"short"};
  const auto refused = minter_.take(snapshot_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "a key of transaction tokens' seals can't be read");
  snapshot_.gateway.seals.clear();
  snapshot_.gateway.signing_key_pem = "none";
  EXPECT_FALSE(minter_.take(snapshot_));
}

}  // namespace
}  // namespace bulkhead::gateway
