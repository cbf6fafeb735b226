#include "identity/client_certificate.hpp"

#include <gtest/gtest.h>

#include "identity/fixture.hpp"

namespace bulkhead::identity {
namespace {

using namespace std::chrono_literals;
using test::authority;
using test::issue;
using test::Issued;
using test::Words;
using Kind = ClientName::Kind;

net::PeerCertificates presented(std::initializer_list<const Issued*> chain) {
  net::PeerCertificates certificates;
  for (const Issued* each : chain) {
    X509_up_ref(each->certificate.get());
    net::OpensslPtr<X509> owned(each->certificate.get());
    if (certificates.leaf)
      certificates.behind.push_back(std::move(owned));
    else
      certificates.leaf = std::move(owned);
  }
  return certificates;
}

class ClientCertificateTest : public testing::Test {
 protected:
  // "" or why not.
  std::string refusal(std::initializer_list<const Issued*> chain, std::chrono::seconds later = 0s) const {
    const auto verified = anchors().verify(presented(chain), std::chrono::system_clock::now() + later);
    return verified ? "" : verified.error().message;
  }
  std::string refusal(const Words& words) const {
    const Issued leaf = issue(words, &root_);
    return refusal({&leaf});
  }
  ClientAnchors anchors() const { return *ClientAnchors::parse(root_.pem()); }

  static std::string names_of(const Words& words) {
    const auto names = client_names(*issue(words, nullptr).certificate);
    if (!names) return names.error().message;
    std::string text;
    for (const ClientName& name : *names) text += fmt::format("{}={};", to_string(name.kind), name.text);
    return text;
  }

  const Issued root_ = authority("root");
};

TEST_F(ClientCertificateTest, OfAnAuthorityIsBelievedUntilTheFirstOfItsChainEnds) {
  const Issued between = issue({.common_name = "between",
                                .constraints = "critical,CA:TRUE",
                                .usage = "critical,keyCertSign",
                                .extended = "",
                                .end = 600s},
                               &root_);
  const Issued leaf = issue({.common_name = "a", .end = 1200s}, &between);
  EXPECT_EQ(refusal({&leaf, &between}), "");
  EXPECT_EQ(refusal({&leaf}), "unable to get local issuer certificate");
  const auto until = anchors().verify(presented({&leaf, &between}), std::chrono::system_clock::now());
  ASSERT_TRUE(until);
  EXPECT_EQ(*until, validity_of(*between.certificate)->not_after);
  EXPECT_EQ(refusal({&leaf, &between}, 601s), "certificate has expired");
}

TEST_F(ClientCertificateTest, AnIntermediateAloneCanBeTheAnchor) {
  const Issued ours = authority("ours", &root_);
  const Issued others = authority("others", &root_);
  const Issued mine = issue({.common_name = "a"}, &ours);
  const Issued other = issue({.common_name = "a"}, &others);
  const auto anchors = ClientAnchors::parse(ours.pem());
  ASSERT_TRUE(anchors);
  const auto now = std::chrono::system_clock::now();
  EXPECT_TRUE(anchors->verify(presented({&mine}), now));
  EXPECT_FALSE(anchors->verify(presented({&other, &others, &root_}), now)) << "of the same root, which is no anchor";
}

TEST_F(ClientCertificateTest, IsRefusedForWhatItIsNot) {
  EXPECT_EQ(refusal(Words{.common_name = "a"}), "");
  EXPECT_EQ(refusal(Words{.common_name = "a", .extended = "serverAuth"}),
            "its extended key usage is not for clients (clientAuth)");
  EXPECT_EQ(refusal(Words{.common_name = "a", .extended = ""}),
            "its extended key usage is not for clients (clientAuth)");
  EXPECT_EQ(refusal(Words{.common_name = "a", .constraints = "critical,CA:TRUE"}), "it is an authority's");
  EXPECT_NE(refusal(Words{.common_name = "a", .usage = "critical,keyEncipherment"}), "");
  EXPECT_EQ(refusal(Words{.common_name = "a", .begin = 60s}), "certificate is not yet valid");
  EXPECT_EQ(refusal(Words{.common_name = "a", .end = -60s}), "certificate has expired");
  EXPECT_EQ(refusal({}), "there is none");
  const Issued alone = issue({.common_name = "a"}, nullptr);
  EXPECT_NE(refusal({&alone}), "");
  const Issued impostor = authority("root");
  const Issued forged = issue({.common_name = "a"}, &impostor);
  EXPECT_NE(refusal({&forged}), "") << "of another authority by the same name";
  EXPECT_NE(refusal({&forged, &impostor}), "");
  const Issued leaf = issue({.common_name = "a"}, &root_);
  const Issued below = issue({.common_name = "b"}, &leaf);
  EXPECT_NE(refusal({&below, &leaf}), "") << "a leaf signs nobody";
}

TEST_F(ClientCertificateTest, ChainsHaveAnEnd) {
  std::vector<Issued> authorities;
  for (int i = 0; i < 5; ++i)
    authorities.push_back(authority(fmt::format("{}", i), authorities.empty() ? &root_ : &authorities.back()));
  const Issued four = issue({.common_name = "a"}, &authorities[3]);
  const Issued five = issue({.common_name = "a"}, &authorities[4]);
  EXPECT_EQ(refusal({&four, &authorities[3], &authorities[2], &authorities[1], &authorities[0]}), "");
  EXPECT_NE(refusal({&five, &authorities[4], &authorities[3], &authorities[2], &authorities[1], &authorities[0]}), "");
}

TEST_F(ClientCertificateTest, AnchorsAreAuthorities) {
  EXPECT_FALSE(ClientAnchors::parse(""));
  EXPECT_FALSE(ClientAnchors::parse("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
  const auto leaf = ClientAnchors::parse(root_.pem() + issue({.common_name = "a"}, &root_).pem());
  ASSERT_FALSE(leaf);
  EXPECT_EQ(leaf.error().message, "certificate 2 is not an authority's");
  EXPECT_TRUE(ClientAnchors::parse("a comment\n" + root_.pem() + root_.pem()));
}

TEST_F(ClientCertificateTest, NamesAreThoseOfTheLeafInTheirOrder) {
  EXPECT_EQ(names_of({.common_name = "Ann", .names = "email:ann@shop.example,DNS:Pc.Shop.Example,URI:urn:ann,DNS:b"}),
            "email=ann@shop.example;dns=pc.shop.example;uri=urn:ann;dns=b;common_name=Ann;");
  EXPECT_EQ(names_of({.common_name = "", .names = "IP:192.0.2.1"}), "");
  EXPECT_EQ(names_of({.common_name = "\xc3\x84nne", .names = "DNS:a"}), "dns=a;") << "nobody is asked for that name";
  EXPECT_EQ(names_of({.common_name = "a", .names = "DNS:ann@shop.example"}),
            "its dns is not 1 to 255 of printable ASCII in the form of one");
  EXPECT_EQ(names_of({.common_name = "a", .names = "email:urn:ann@x"}),
            "its email is not 1 to 255 of printable ASCII in the form of one");
  EXPECT_EQ(names_of({.common_name = "a", .names = "URI:ann"}),
            "its uri is not 1 to 255 of printable ASCII in the form of one");
  EXPECT_NE(names_of({.common_name = "a", .names = "DNS:" + std::string(256, 'a')}).find("is not 1 to 255"),
            std::string::npos);
  std::string many = "DNS:a";
  for (int i = 0; i < 32; ++i) many += ",DNS:a";
  EXPECT_EQ(names_of({.common_name = "", .names = many}), "it has more than 32 names");
}

TEST_F(ClientCertificateTest, ASubjectIsACommonNameOnlyWhereThatIsAskedFor) {
  const auto subject = [](const std::vector<ClientName>& names, std::optional<Kind> kind) {
    const ClientName* found = subject_of(names, kind);
    return found == nullptr ? "" : found->text;
  };
  const std::vector<ClientName> all{
      {Kind::dns, "d"}, {Kind::email, "e@x"}, {Kind::uri, "u:1"}, {Kind::uri, "u:2"}, {Kind::common_name, "c"}};
  EXPECT_EQ(subject(all, {}), "u:1");
  EXPECT_EQ(subject(all, Kind::dns), "d");
  EXPECT_EQ(subject(all, Kind::common_name), "c");
  EXPECT_EQ(subject({all[0], all[1]}, {}), "e@x");
  EXPECT_EQ(subject({all[0]}, {}), "d");
  EXPECT_EQ(subject({all[4]}, {}), "");
  EXPECT_EQ(subject({all[0]}, Kind::uri), "");
}

TEST_F(ClientCertificateTest, IssuerAndSerialAreText) {
  const Issued leaf = issue({.common_name = "a"}, &root_);
  EXPECT_EQ(issuer_text(*leaf.certificate), "CN=root");
  EXPECT_NE(serial_text(*leaf.certificate), serial_text(*root_.certificate));
  EXPECT_EQ(serial_text(*leaf.certificate).size() % 2, 0U);
}

}  // namespace
}  // namespace bulkhead::identity
