#include "gateway/client_certificate.hpp"

#include <gtest/gtest.h>

#include "identity/fixture.hpp"

namespace bulkhead::gateway {
namespace {

using namespace std::chrono_literals;
using identity::test::authority;
using identity::test::issue;
using identity::test::Issued;

class ClientCertificateTest : public testing::Test {
 protected:
  static std::shared_ptr<const ClientAuthority> by(const Issued& root, std::string name = "devices",
                                                   std::vector<std::string> claims = {}) {
    return std::make_shared<const ClientAuthority>(std::move(name), *identity::ClientAnchors::parse(root.pem()),
                                                   std::nullopt, std::move(claims));
  }
  ClientCertificate presented(const identity::test::Words& words) const {
    return ClientCertificate(net::PeerCertificates{issue(words, &root_).certificate, {}});
  }
  // "a of devices", or why not.
  std::string outcome(ClientCertificate& certificate, const std::shared_ptr<const ClientAuthority>& asked,
                      std::chrono::seconds later = 0s) const {
    const auto& judged = certificate.judge(asked, now_ + later);
    return judged ? (*judged)->subject + " of " + (*judged)->provider : judged.error().message;
  }

  const Issued root_ = authority("root");
  const identity::WallTime now_ = std::chrono::system_clock::now();
};

TEST_F(ClientCertificateTest, NamesAUserAndWhatTravels) {
  ClientCertificate certificate = presented({.common_name = "Ann", .names = "DNS:a.example,DNS:b.example,email:a@x"});
  const auto& judged = certificate.judge(by(root_, "devices", {"issuer", "names", "serial"}), now_);
  ASSERT_TRUE(judged) << judged.error().message;
  EXPECT_EQ((*judged)->subject, "a@x");
  EXPECT_EQ((*judged)->provider, "devices");
  const nlohmann::json& claims = (*judged)->context->claims;
  EXPECT_EQ(claims["issuer"], "CN=root");
  EXPECT_TRUE(claims["serial"].is_string());
  EXPECT_EQ(claims["names"],
            (nlohmann::json{{"common_name", {"Ann"}}, {"dns", {"a.example", "b.example"}}, {"email", {"a@x"}}}));
}

TEST_F(ClientCertificateTest, WithoutANameOfItsKindIsNobodys) {
  ClientCertificate certificate = presented({.common_name = "a.example"});
  EXPECT_EQ(outcome(certificate, by(root_)), "it has no name of the kind uri, email or dns");
  const auto common_name =
      std::make_shared<const ClientAuthority>("people", *identity::ClientAnchors::parse(root_.pem()),
                                              identity::ClientName::Kind::common_name, std::vector<std::string>());
  EXPECT_EQ(outcome(certificate, common_name), "a.example of people");
}

TEST_F(ClientCertificateTest, EndsWhileItsConnectionStays) {
  ClientCertificate certificate = presented({.common_name = "", .names = "DNS:a", .end = 600s});
  const auto asked = by(root_);
  EXPECT_EQ(outcome(certificate, asked), "a of devices");
  EXPECT_EQ(outcome(certificate, asked, 590s), "a of devices");
  EXPECT_EQ(outcome(certificate, asked, 601s), "certificate has expired");
  EXPECT_EQ(outcome(certificate, asked, 0s), "a of devices") << "the clock was set back";
}

TEST_F(ClientCertificateTest, IsBelievedByWhomTheAnchorsSayNow) {
  ClientCertificate certificate = presented({.common_name = "", .names = "DNS:a"});
  EXPECT_EQ(outcome(certificate, by(root_)), "a of devices");
  const Issued other = authority("other");
  EXPECT_EQ(outcome(certificate, by(other)), "unable to get local issuer certificate");
  EXPECT_EQ(outcome(certificate, by(root_)), "a of devices");
  EXPECT_EQ(outcome(certificate, by(other, "partners")), "unable to get local issuer certificate");
  EXPECT_EQ(outcome(certificate, by(root_)), "a of devices") << "each provider by its own";
}

TEST_F(ClientCertificateTest, IsNotVerifiedAgainForAWhileOnceItWasRefused) {
  ClientCertificate certificate = presented({.common_name = "", .names = "DNS:a", .begin = 10s});
  const auto asked = by(root_);
  EXPECT_EQ(outcome(certificate, asked), "certificate is not yet valid");
  EXPECT_EQ(outcome(certificate, asked, 20s), "certificate is not yet valid");
  EXPECT_EQ(outcome(certificate, asked, 61s), "a of devices");
}

}  // namespace
}  // namespace bulkhead::gateway
