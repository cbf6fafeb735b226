#include "net/tls_chains.hpp"

#include <gtest/gtest.h>

#include "net/tls_fixture.hpp"

namespace bulkhead::net {
namespace {

int looked_at = 0;  // certificates, by X509_verify_cert()

int look(int good, X509_STORE_CTX*) {
  ++looked_at;
  return good;
}

class TlsChainsTest : public testing::Test {
 protected:
  TlsChainsTest() {
    X509_STORE_add_cert(store_.get(), root_.certificate.get());
    X509_STORE_set_verify_cb(store_.get(), &look);
  }

  // Whether it is accepted, and whether it was verified for that.
  struct Answer {
    bool accepted, looked;
    int error;
    bool operator==(const Answer&) const = default;
  };
  Answer verify(const std::vector<const Issued*>& came, long after = 0) {
    const OpensslPtr<STACK_OF(X509)> all(sk_X509_new_null());
    for (const Issued* each : came) {
      X509_up_ref(each->certificate.get());
      sk_X509_push(all.get(), each->certificate.get());
    }
    X509_STORE_CTX* context = X509_STORE_CTX_new();
    X509_STORE_CTX_init(context, store_.get(), came.front()->certificate.get(), all.get());
    const std::time_t now = std::time(nullptr) + after;
    X509_STORE_CTX_set_time(context, 0, now);
    const int before = looked_at;
    const bool accepted = chains_.verify(context, now);
    const Answer answer{accepted, looked_at != before, X509_STORE_CTX_get_error(context)};
    X509_STORE_CTX_free(context);
    return answer;
  }

  static constexpr Answer kKnown{true, false, X509_V_OK};
  static constexpr Answer kVerified{true, true, X509_V_OK};

  TlsChains chains_{4};
  OpensslPtr<X509_STORE> store_{X509_STORE_new()};
  Issued root_ = issue("", nullptr, -1000, 10000);
  Issued middle_ = issue("", &root_, -100, 5000);
  Issued leaf_ = issue("URI:spiffe://shop/web", &middle_);
};

TEST_F(TlsChainsTest, VerifiesWhatComesAgainOnce) {
  EXPECT_EQ(verify({&leaf_, &middle_}), kVerified);
  EXPECT_EQ(verify({&leaf_, &middle_}), kKnown);
  EXPECT_EQ(verify({&leaf_, &middle_}, 3000), kKnown);
}

TEST_F(TlsChainsTest, KnowsNothingButThatVeryChain) {
  const Issued other = issue("URI:spiffe://shop/web", &middle_);
  const Issued forged = issue("URI:spiffe://shop/web", nullptr);
  EXPECT_EQ(verify({&leaf_, &middle_}), kVerified);
  EXPECT_EQ(verify({&other, &middle_}), kVerified);
  EXPECT_EQ(verify({&leaf_, &middle_, &root_}), kVerified);
  EXPECT_EQ(verify({&leaf_, &root_, &middle_}), kVerified);
  EXPECT_FALSE(verify({&leaf_}).accepted);
  EXPECT_FALSE(verify({&forged, &middle_}).accepted);
  EXPECT_FALSE(verify({&forged, &leaf_, &middle_}).accepted);
  EXPECT_EQ(verify({&leaf_, &middle_}), kKnown);
}

TEST_F(TlsChainsTest, RemembersNothingThatIsNotAccepted) {
  const Issued stranger = issue("", nullptr);
  const Issued leaf = issue("URI:spiffe://shop/web", &stranger);
  for (int i = 0; i < 2; ++i) {
    const Answer answer = verify({&leaf, &stranger});
    EXPECT_FALSE(answer.accepted);
    EXPECT_TRUE(answer.looked);
    EXPECT_NE(answer.error, X509_V_OK);
  }
  EXPECT_EQ(chains_.size(), 0U);
}

TEST_F(TlsChainsTest, KnowsItWhileAllOfItIsValid) {
  const Issued short_lived = issue("", &root_, -50, 100);
  const Issued of_short_lived = issue("URI:spiffe://shop/web", &short_lived);
  EXPECT_EQ(verify({&leaf_, &middle_}), kVerified);
  EXPECT_EQ(verify({&leaf_, &middle_}, 3700).error, X509_V_ERR_CERT_HAS_EXPIRED);
  EXPECT_EQ(verify({&leaf_, &middle_}, -70).error, X509_V_ERR_CERT_NOT_YET_VALID);
  EXPECT_EQ(verify({&of_short_lived, &short_lived}), kVerified);
  EXPECT_EQ(verify({&of_short_lived, &short_lived}, 50), kKnown);
  EXPECT_EQ(verify({&of_short_lived, &short_lived}, 200).error, X509_V_ERR_CERT_HAS_EXPIRED)
      << "of its issuer, though the leaf has not";
  EXPECT_EQ(verify({&of_short_lived, &short_lived}, -55).error, X509_V_ERR_CERT_NOT_YET_VALID);
}

TEST_F(TlsChainsTest, IsBounded) {
  for (int i = 0; i < 20; ++i) {
    const Issued leaf = issue("URI:spiffe://shop/web", &middle_);
    EXPECT_EQ(verify({&leaf, &middle_}), kVerified);
    EXPECT_EQ(verify({&leaf, &middle_}), kKnown);
    EXPECT_LE(chains_.size(), 4U);
  }
}

}  // namespace
}  // namespace bulkhead::net
