#include "gateway/minter.hpp"

#include <chrono>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "jose/key_set.hpp"
#include "net/gate.hpp"
#include "proxy/end_user.hpp"

namespace bulkhead::gateway {
namespace {

const jose::TxnDomain kDomain{.issuer = "spiffe://t/a/_gateway", .trust_domain = "t"};

class MinterTest : public testing::Test {
 public:  // for coroutines
  static net::Task<> ask(MinterTest& self, int number, bool together) {
    return ask(self, number, together, self.minter_, false);
  }
  static net::Task<> ask(MinterTest& self, int number, bool together, Minter& minter, bool crowd) {
    const jose::TxnToken token{
        .transaction = "t", .subject = std::to_string(number), .scope = "/", .issued = proxy::wall_seconds()};
    auto text = co_await minter.mint(kDomain, token, together, crowd);
    self.said_[number] = text ? *text : text.error().message;
  }
  // How many of them were signed with others.
  std::size_t run(int count, bool together) {
    said_.clear();
    const auto all = [](MinterTest& self, int number, bool with_others) -> net::Task<> {
      net::Gate gate(self.loop_);
      for (int i = 0; i < number; ++i) gate.spawn(ask(self, i, with_others));
      co_await gate.close();
    };
    loop_.run(all(*this, count, together));
    return in_trees();
  }
  std::size_t in_trees() {
    std::size_t number_of_them = 0;
    jose::SignedTrees trees;
    for (const auto& [number, text] : said_) {
      const auto token = jose::verify_txn_token(text, keys_, kDomain, proxy::wall_seconds(), &trees);
      EXPECT_TRUE(token) << text;
      if (token) EXPECT_EQ(token->subject, std::to_string(number));
      number_of_them += jose::verify_txn_token(text, keys_, kDomain, proxy::wall_seconds()) ? 0 : 1;
    }
    return number_of_them;
  }

  net::Loop loop_;
  Minter minter_{loop_};
  Minter patient_{loop_, std::chrono::hours(1)};
  jose::SigningKey key_ = *jose::SigningKey::generate(jose::Algorithm::es256);
  jose::KeySet keys_ = *jose::KeySet::parse(key_.public_jwk());
  std::map<int, std::string> said_;
};

TEST_F(MinterTest, WhatIsWantedAtOnceIsSignedAtOnce) {
  ASSERT_TRUE(minter_.take(*key_.private_pem()));
  EXPECT_EQ(run(1, true), 0U);
  EXPECT_EQ(run(2, true), 2U);
  EXPECT_EQ(run(64, true), 64U);
  EXPECT_EQ(run(65, true), 64U) << "the last one is alone";
  EXPECT_EQ(run(200, true), 200U);
  EXPECT_EQ(run(10, false), 0U) << "not everybody would verify it";
}

TEST_F(MinterTest, InACrowdTokensWaitForTheNextSignature) {
  ASSERT_TRUE(patient_.take(*key_.private_pem()));
  const auto all = [](MinterTest& self) -> net::Task<> {
    net::Gate gate(self.loop_);
    for (int i = 100; i < 103; ++i) co_await ask(self, i, true, self.patient_, false);
    for (int i = 1; i < 64; ++i) gate.spawn(ask(self, i, true, self.patient_, true));
    for (int i = 0; i < 3; ++i) co_await net::sleep(self.loop_, self.loop_.in(std::chrono::milliseconds(1)));
    EXPECT_EQ(self.said_.size(), 3U) << "an hour has not gone, for which only a crowd waits";
    gate.spawn(ask(self, 64, true, self.patient_, true));
    co_await gate.close();
  };
  loop_.run(all(*this));
  EXPECT_EQ(said_.size(), 67U);
  EXPECT_EQ(in_trees(), 64U);
}

TEST_F(MinterTest, WhoWaitsGetsTheSignatureOfTheKeyBefore) {
  ASSERT_TRUE(patient_.take(*key_.private_pem()));
  const auto all = [](MinterTest& self) -> net::Task<> {
    net::Gate gate(self.loop_);
    co_await ask(self, 0, true, self.patient_, true);
    for (int i = 1; i < 4; ++i) gate.spawn(ask(self, i, true, self.patient_, true));
    EXPECT_TRUE(self.patient_.take(*jose::SigningKey::generate(jose::Algorithm::eddsa)->private_pem()));
    co_await gate.close();
  };
  loop_.run(all(*this));
  EXPECT_EQ(said_.size(), 4U);
  EXPECT_EQ(in_trees(), 3U);
}

TEST_F(MinterTest, WithoutAKeyNothingIsSigned) {
  const auto one = [](MinterTest& self) -> net::Task<> { co_await ask(self, 1, true); };
  loop_.run(one(*this));
  EXPECT_EQ(said_[1], "there is no key for transaction tokens");
  EXPECT_FALSE(minter_.take("-----BEGIN PRIVATE KEY-----"));
}

TEST_F(MinterTest, WhatIsNoTextFailsAloneAndTheOthersAreSigned) {
  ASSERT_TRUE(minter_.take(*key_.private_pem()));
  const auto all = [](MinterTest& self) -> net::Task<> {
    net::Gate gate(self.loop_);
    gate.spawn(ask(self, 1, true));
    const auto bad = [](MinterTest& me) -> net::Task<> {
      auto text = co_await me.minter_.mint(kDomain, {.transaction = "t", .subject = "\xff", .scope = "/"}, true, false);
      EXPECT_FALSE(text);
    };
    gate.spawn(bad(self));
    gate.spawn(ask(self, 2, true));
    co_await gate.close();
  };
  loop_.run(all(*this));
  jose::SignedTrees trees;
  for (const int number : {1, 2})
    EXPECT_TRUE(jose::verify_txn_token(said_[number], keys_, kDomain, proxy::wall_seconds(), &trees));
}

}  // namespace
}  // namespace bulkhead::gateway
