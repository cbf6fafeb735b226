#include "jose/seal.hpp"

#include <gtest/gtest.h>
#include <openssl/hmac.h>

#include "jose/base64url.hpp"
#include "jose/fixture.hpp"
#include "jose/signing_key.hpp"
#include "jose/txn_token.hpp"

namespace bulkhead::jose {
namespace {

using test::kNow;

const TxnDomain kDomain{.issuer = "spiffe://shop.local/shop/gateway", .trust_domain = "shop.local"};
const std::string kSecret(32, 's');

class Seals : public testing::Test {
 protected:
  Seals() {
    for (const auto* name : {"web", "orders", "bank"}) all_.push_back(SealKey::derive(kSecret, name));
  }
  std::string token(std::string_view subject = "ann") {
    return *mint(all_, kDomain, {.transaction = "t", .subject = std::string(subject), .scope = "/"}, kNow);
  }
  TokenResult<TxnToken> verify(std::string_view text, const SealKey* key) const {
    return verify_txn_token(text, keys_, kDomain, kNow, key);
  }
  // The octets behind the second dot, changed.
  template <class Change>
  static std::string with_seals(const std::string& token, const Change& change) {
    const std::size_t dot = token.rfind('.') + 1;
    std::string seals = *decode_base64url(token.substr(dot));
    change(seals);
    return token.substr(0, dot) + encode_base64url(seals);
  }

  std::vector<SealKey> all_;
  SigningKey key_ = *SigningKey::generate(Algorithm::es256);
  KeySet keys_ = *KeySet::parse(key_.public_jwk());
};

TEST_F(Seals, EachPartyVerifiesItsOwn) {
  const std::string text = token();
  for (SealKey& key : all_) {
    const auto verified = verify(text, &key);
    ASSERT_TRUE(verified) << verified.error().message;
    EXPECT_EQ(verified->subject, "ann");
  }
}

TEST_F(Seals, WhoeverHasNoneOrAnotherKeyDoesNot) {
  SealKey stranger = SealKey::derive(kSecret, "stranger");
  const auto other = verify(token(), &stranger);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().cause, TokenCause::signature);
  const auto unasked = verify(token(), nullptr);
  ASSERT_FALSE(unasked);
  EXPECT_EQ(unasked.error().cause, TokenCause::algorithm);
}

TEST_F(Seals, NothingElseIsRightWithThem) {
  const std::string text = token();
  const auto text_of = [](const std::string& each) { return each.substr(0, each.rfind('.')); };
  const auto seals_of = [](const std::string& each) { return each.substr(each.rfind('.')); };
  EXPECT_FALSE(verify(text_of(token("bob")) + seals_of(text), all_.data())) << "another's seals";
  const std::size_t header = text.find('.');
  for (std::size_t bit = 0; bit < text_of(text).size() * 8; bit += 3) {
    std::string changed = text;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(verify(changed, all_.data())) << bit << " of " << header;
  }
}

// What a party's sidecar that was taken over could do: it has its own key, and sees the others' seals.
TEST_F(Seals, APartyCanNotSealForAnother) {
  const std::string text = token("mallory");
  std::vector<SealKey> own;
  own.push_back(SealKey::derive(kSecret, "web"));
  const std::string forged = *mint(own, kDomain, {.transaction = "t", .subject = "root", .scope = "/"}, kNow);
  ASSERT_TRUE(verify(forged, all_.data())) << "for itself it may say what it likes";
  EXPECT_FALSE(verify(forged, &all_[1]));
  // With the others' seals of another token, and with its own code under another's id.
  const std::string seals = *decode_base64url(text.substr(text.rfind('.') + 1));
  const auto joined = with_seals(forged, [&](std::string& each) { each += seals.substr(24); });
  EXPECT_FALSE(verify(joined, &all_[1]));
  const auto renamed = with_seals(forged, [&](std::string& each) { each.replace(0, 8, seals.substr(24, 8)); });
  EXPECT_FALSE(verify(renamed, &all_[1]));
}

TEST_F(Seals, CutAndLengthenedOnesAreRefused) {
  using Text = std::string;
  SealKey& last = all_[2];
  const std::string text = token();
  EXPECT_TRUE(verify(with_seals(text, [](Text& each) { each.erase(0, 48); }), &last)) << "the others' are not its own";
  EXPECT_FALSE(verify(with_seals(text, [](Text& each) { each.resize(48); }), &last));
  EXPECT_FALSE(verify(with_seals(text, [](Text& each) { each.resize(71); }), &last));
  EXPECT_FALSE(verify(with_seals(text, [](Text& each) { each += 'x'; }), &last));
  EXPECT_FALSE(verify(with_seals(text, [](Text& each) { each.clear(); }), &last));
  EXPECT_FALSE(verify(with_seals(text, [](Text& each) { each.insert(0, std::string(22 * 24, 'x')); }), &last))
      << "more than there may be";
  // The first with its id counts: a wrong one before the right one is no second try.
  EXPECT_FALSE(verify(with_seals(text, [](Text& each) { each.insert(0, each.substr(48, 8) + Text(16, 'x')); }), &last));
}

TEST_F(Seals, AreOfNoAlgorithmOfJose) {
  const std::string text = token();
  for (const auto* algorithm : {"HS256", "none", "ES256", "seals-hs256"}) {
    const std::string header = encode_base64url(fmt::format(R"({{"alg":"{}","typ":"{}"}})", algorithm, kTxnTokenType));
    EXPECT_FALSE(verify(header + text.substr(text.find('.')), all_.data())) << algorithm;
  }
  const std::string with_kid = encode_base64url(
      fmt::format(R"({{"alg":"{}","kid":"{}","typ":"{}"}})", kSealAlgorithm, key_.id(), kTxnTokenType));
  EXPECT_FALSE(verify(with_kid + text.substr(text.find('.')), all_.data()));
}

TEST_F(Seals, ASignatureIsAcceptedBesideThem) {
  const auto signed_text = mint(key_, kDomain, {.transaction = "t", .subject = "ann", .scope = "/"}, kNow);
  ASSERT_TRUE(signed_text);
  EXPECT_TRUE(verify(*signed_text, all_.data()));
}

TEST_F(Seals, ATokenIsTheSameWhereverItsPayloadIsCut) {
  const std::string_view payload = R"({"sub":"ann","txn":"0af7651916cd43dd8448eb211c80319c"})";
  const std::string whole = SealedStart("t", payload).finish("", all_);
  EXPECT_EQ(decode_base64url(std::string_view(whole).substr(0, whole.rfind('.')).substr(whole.find('.') + 1)), payload);
  for (std::size_t cut = 0; cut < payload.size(); ++cut) {
    const SealedStart start("t", payload.substr(0, cut));
    EXPECT_NE(start.finish("", all_), whole);
    EXPECT_EQ(start.finish(payload.substr(cut), all_), whole) << cut;
  }
}

TEST_F(Seals, TheCodeIsHmacOfTheDigest) {
  const std::string text = token();
  const std::string key = *decode_base64url(all_[0].text());
  const std::string sealed = text.substr(0, text.rfind('.'));
  const Digest digest = sha256(sealed);
  const std::string message = "bulkhead token seal" + std::string(digest.begin(), digest.end());
  std::array<unsigned char, 32> code{};
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(message.data()),
       message.size(), code.data(), nullptr);
  const std::string seals = *decode_base64url(text.substr(text.rfind('.') + 1));
  EXPECT_EQ(seals.substr(8, 16), std::string(code.begin(), code.begin() + 16));
}

TEST_F(Seals, AKeyIsReadBackAndDiffersByPartyAndSecret) {
  auto again = SealKey::from_text(all_[1].text());
  ASSERT_TRUE(again);
  EXPECT_TRUE(verify(token(), &*again));
  EXPECT_EQ(SealKey::derive(kSecret, "web").text(), all_[0].text());
  EXPECT_NE(SealKey::derive(std::string(32, 't'), "web").text(), all_[0].text());
  EXPECT_NE(all_[0].text(), all_[1].text());
  for (const auto* wrong :
       {"", "AAAA", "not base64url !", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}) {
    const auto fault = SealKey::from_text(wrong);
    ASSERT_FALSE(fault);
    EXPECT_EQ(fault.error().message.find("AAAA"), std::string::npos);
  }
}

}  // namespace
}  // namespace bulkhead::jose
