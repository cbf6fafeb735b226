#include "jose/token_tree.hpp"

#include <gtest/gtest.h>

#include "jose/base64url.hpp"
#include "jose/fixture.hpp"
#include "jose/jws.hpp"
#include "jose/signing_key.hpp"
#include "jose/txn_token.hpp"

namespace bulkhead::jose {
namespace {

using test::kNow;

const TxnDomain kDomain{.issuer = "spiffe://shop.local/shop/gateway", .trust_domain = "shop.local"};

class TokenTrees : public testing::Test {
 protected:
  std::vector<std::string> sign(std::size_t count) const {
    std::vector<std::string> payloads;
    for (std::size_t i = 0; i < count; ++i)
      payloads.push_back(
          *txn_payload(kDomain, {.transaction = "t", .subject = "u-" + std::to_string(i), .scope = "/"}, kNow));
    return *key_.sign_together(kTxnTokenType, payloads);
  }
  TokenResult<TxnToken> verify(std::string_view token, SignedTrees* trees) const {
    return verify_txn_token(token, keys_, kDomain, kNow, trees);
  }
  // The octets behind the second dot, changed.
  template <class Change>
  static std::string with_signature(const std::string& token, const Change& change) {
    const std::size_t dot = token.rfind('.') + 1;
    std::string signature = *decode_base64url(token.substr(dot));
    change(signature);
    return token.substr(0, dot) + encode_base64url(signature);
  }

  SigningKey key_ = *SigningKey::generate(Algorithm::es256);
  KeySet keys_ = *KeySet::parse(key_.public_jwk());
};

TEST_F(TokenTrees, EachOfAnyNumberIsVerifiedAndSaysWhatItSays) {
  for (std::size_t count = 1; count <= kMostLeaves; ++count) {
    SignedTrees trees;
    const auto tokens = sign(count);
    ASSERT_EQ(tokens.size(), count);
    for (std::size_t i = 0; i < count; ++i) {
      const auto token = verify(tokens[i], &trees);
      ASSERT_TRUE(token) << count << ", " << i << ": " << token.error().message;
      EXPECT_EQ(token->subject, "u-" + std::to_string(i));
    }
  }
}

TEST_F(TokenTrees, OneAloneIsATokenAsAnyOther) {
  const std::string alone = sign(1).front();
  EXPECT_TRUE(verify(alone, nullptr));
  EXPECT_EQ(alone.find(encode_base64url(R"({"alg":"ES256",)")), 0U);
}

TEST_F(TokenTrees, NobodyAcceptsThemUnasked) {
  const auto fault = verify(sign(2).front(), nullptr);
  ASSERT_FALSE(fault);
  EXPECT_EQ(fault.error().cause, TokenCause::algorithm);
}

TEST_F(TokenTrees, WhatWasVerifiedOnceMakesNothingElseRight) {
  SignedTrees trees;
  const auto tokens = sign(5), others = sign(5);
  for (const std::string& token : tokens) ASSERT_TRUE(verify(token, &trees));
  for (std::size_t bit = 0; bit < tokens[3].size() * 8; bit += 3) {
    std::string changed = tokens[3];
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(verify(changed, &trees)) << bit;
  }
  // Another's place in the tree, another's signature.
  const auto text_of = [](const std::string& token) { return token.substr(0, token.rfind('.')); };
  const auto signature_of = [](const std::string& token) { return token.substr(token.rfind('.')); };
  EXPECT_FALSE(verify(text_of(tokens[3]) + signature_of(tokens[2]), &trees));
  EXPECT_FALSE(verify(text_of(tokens[3]) + signature_of(others[2]), &trees));
  EXPECT_TRUE(verify(text_of(tokens[3]) + signature_of(tokens[3]), &trees));
}

TEST_F(TokenTrees, AWayThatIsTooLongOrTooShortLeadsNowhere) {
  SignedTrees trees;
  const std::string token = sign(6)[4];
  ASSERT_TRUE(verify(token, &trees));
  using Text = std::string;
  EXPECT_FALSE(verify(with_signature(token, [](Text& text) { text += std::string(32, 'x'); }), &trees));
  EXPECT_FALSE(verify(with_signature(token, [](Text& text) { text.resize(text.size() - 32); }), &trees));
  EXPECT_FALSE(verify(with_signature(token, [](Text& text) { text.resize(text.size() - 1); }), &trees));
  EXPECT_FALSE(verify(with_signature(token, [](Text& text) { text.resize(64); }), &trees));
  EXPECT_FALSE(verify(with_signature(token, [](Text& text) { text.resize(10); }), &trees));
  for (const int leaves : {0, 1, 4, 5, 7, 64, 65, 255})
    EXPECT_FALSE(verify(with_signature(token, [&](Text& text) { text[65] = static_cast<char>(leaves); }), &trees))
        << leaves;
  for (const int index : {0, 3, 5, 6, 255})
    EXPECT_FALSE(verify(with_signature(token, [&](Text& text) { text[64] = static_cast<char>(index); }), &trees))
        << index;
}

// A node, as if it were a token: no text that is signed has such octets, and the hash of a leaf is another one.
TEST_F(TokenTrees, ANodeIsNoLeaf) {
  SignedTrees trees;
  const std::vector<std::string> two{"a.b", "c.d"};
  const TokenTree tree = make_token_tree(two);
  EXPECT_EQ(signed_text_of("a.b", tree.after_root[0]), tree.signed_text);
  const std::string children = tree.after_root[1].substr(2) + tree.after_root[0].substr(2);
  EXPECT_NE(signed_text_of(children, std::string("\0\1", 2)), tree.signed_text);
}

// The known hash of a tree of one leaf, the octet 0.
TEST_F(TokenTrees, TheRootIsThatOfRfc9162) {
  const std::vector<std::string> one{std::string("\0", 1)};
  const std::string root = make_token_tree(one).signed_text.substr(21);
  std::string hex;
  for (const unsigned char octet : root) hex += fmt::format("{:02x}", octet);
  EXPECT_EQ(hex, "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7");
}

TEST_F(TokenTrees, AnotherKeysAreNot) {
  SignedTrees trees;
  const auto tokens = sign(3);
  ASSERT_TRUE(verify(tokens[0], &trees));
  const KeySet others = *KeySet::parse(SigningKey::generate(Algorithm::es256)->public_jwk());
  EXPECT_EQ(verify_txn_token(tokens[0], others, kDomain, kNow, &trees).error().cause, TokenCause::unknown_key);
}

TEST_F(TokenTrees, AreOfEs256Alone) {
  const SigningKey other = *SigningKey::generate(Algorithm::eddsa);
  const std::vector<std::string> two{"e30", "e30"};
  EXPECT_EQ(other.sign_together("t", two).error().cause, Cause::invalid);
  EXPECT_EQ(key_.sign_together("t", {}).error().cause, Cause::invalid);
  EXPECT_EQ(key_.sign_together("t", std::vector<std::string>(65, "e30")).error().cause, Cause::invalid);
}

}  // namespace
}  // namespace bulkhead::jose
