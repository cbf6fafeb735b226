#include "identity/peer.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "identity/key.hpp"

namespace bulkhead::identity {
namespace {

using namespace std::chrono_literals;

const WallTime kNow = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());

// What a peer may present; each field as OpenSSL writes it, empty to leave it out.
struct Leaf {
  std::string names = "critical,URI:spiffe://example/shop/cart";
  std::string constraints = "critical,CA:FALSE";
  std::string usage = "critical,digitalSignature";
  std::string extended = "serverAuth,clientAuth";
  std::string subject;
  std::chrono::seconds begin = -60s;
  std::chrono::seconds end = 3600s;
  int copies_of_names = 1;
};

net::OpensslPtr<X509> make(const Leaf& leaf) {
  static const net::PrivateKey key = *generate_key();
  net::OpensslPtr<X509> certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), std::chrono::system_clock::to_time_t(kNow + leaf.begin));
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), std::chrono::system_clock::to_time_t(kNow + leaf.end));
  X509_set_pubkey(certificate.get(), key.get());
  if (!leaf.subject.empty()) {
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(leaf.subject.c_str()), -1, -1, 0);
  }
  const auto add = [&](int nid, const std::string& value) {
    if (value.empty()) return;
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    EXPECT_NE(extension, nullptr) << value;
    X509_add_ext(certificate.get(), extension, -1);
    X509_EXTENSION_free(extension);
  };
  add(NID_basic_constraints, leaf.constraints);
  add(NID_key_usage, leaf.usage);
  add(NID_ext_key_usage, leaf.extended);
  for (int i = 0; i < leaf.copies_of_names; ++i) add(NID_subject_alt_name, leaf.names);
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  // As it comes from a peer.
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate.get(), &der);
  const unsigned char* at = der;
  net::OpensslPtr<X509> parsed(d2i_X509(nullptr, &at, size));
  OPENSSL_free(der);
  return parsed;
}

TEST(PeerTest, ALeafThatFollowsTheStandardIsItsUri) {
  const std::pair<const char*, Leaf> cases[] = {
      {"as we sign it", {}},
      {"with a subject and names not critical", {.names = "URI:spiffe://example/shop/cart", .subject = "cart"}},
      {"without extended key usage", {.extended = ""}},
      {"with more extended key usage", {.extended = "serverAuth,clientAuth,emailProtection"}},
      {"with more key usage", {.usage = "critical,digitalSignature,keyEncipherment,keyAgreement"}},
      {"with names of other kinds beside it",
       {.names = "critical,DNS:cart,URI:spiffe://example/shop/cart,email:a@b.c,IP:10.0.0.1"}},
  };
  for (const auto& [name, leaf] : cases) {
    const auto id = verify_svid(*make(leaf), kNow);
    ASSERT_TRUE(id) << name << ": " << id.error().message;
    EXPECT_EQ(id->text(), "spiffe://example/shop/cart");
  }
}

TEST(PeerTest, WhateverIsNotAnSvidIsRefused) {
  const std::string long_path(2048, 'a');
  const std::pair<const char*, Leaf> cases[] = {
      {"two URIs", {.names = "critical,URI:spiffe://example/shop/cart,URI:spiffe://example/shop/payments"}},
      {"the same URI twice", {.names = "critical,URI:spiffe://example/shop/cart,URI:spiffe://example/shop/cart"}},
      {"a second URI that is no SPIFFE ID", {.names = "critical,URI:spiffe://example/shop/cart,URI:https://example"}},
      {"two lists of names", {.copies_of_names = 2}},
      {"only a DNS name", {.names = "critical,DNS:cart.example"}},
      {"a SPIFFE ID as DNS name", {.names = "critical,DNS:spiffe://example/shop/cart"}},
      {"a SPIFFE ID as subject", {.names = "", .subject = "spiffe://example/shop/cart"}},
      {"no name", {.names = ""}},
      {"no subject and names not critical", {.names = "URI:spiffe://example/shop/cart"}},
      {"a signing certificate", {.constraints = "critical,CA:TRUE"}},
      {"a key that signs certificates", {.usage = "critical,digitalSignature,keyCertSign"}},
      {"a key that signs revocations", {.usage = "critical,digitalSignature,cRLSign"}},
      {"no key usage", {.usage = ""}},
      {"key usage not critical", {.usage = "digitalSignature"}},
      {"key usage without signatures", {.usage = "critical,keyEncipherment"}},
      {"only for servers", {.extended = "serverAuth"}},
      {"only for clients", {.extended = "clientAuth"}},
      {"for something else", {.extended = "codeSigning"}},
      {"for any purpose", {.extended = "anyExtendedKeyUsage"}},
      {"expired", {.begin = -7200s, .end = -3600s}},
      {"not valid yet", {.begin = 3600s, .end = 7200s}},
      {"a trust domain", {.names = "critical,URI:spiffe://example"}},
      {"another scheme", {.names = "critical,URI:https://example/shop/cart"}},
      {"an upper-case scheme", {.names = "critical,URI:SPIFFE://example/shop/cart"}},
      {"an upper-case domain", {.names = "critical,URI:spiffe://Example/shop/cart"}},
      {"a port", {.names = "critical,URI:spiffe://example:443/shop/cart"}},
      {"user info", {.names = "critical,URI:spiffe://user@example/shop/cart"}},
      {"a query", {.names = "critical,URI:spiffe://example/shop/cart?a=b"}},
      {"a fragment", {.names = "critical,URI:spiffe://example/shop/cart#a"}},
      {"percent-encoding", {.names = "critical,URI:spiffe://example/shop/c%61rt"}},
      {"a wildcard", {.names = "critical,URI:spiffe://example/shop/*"}},
      {"dot segments", {.names = "critical,URI:spiffe://example/shop/../cart"}},
      {"an empty segment", {.names = "critical,URI:spiffe://example/shop//cart"}},
      {"a trailing slash", {.names = "critical,URI:spiffe://example/shop/cart/"}},
      {"above 2048 bytes", {.names = "critical,URI:spiffe://example/shop/" + long_path}},
  };
  for (const auto& [name, leaf] : cases) {
    const auto id = verify_svid(*make(leaf), kNow);
    ASSERT_FALSE(id) << name << ": " << id->text();
    EXPECT_EQ(id.error().cause, Cause::denied) << name;
  }
}

TEST(PeerTest, AUriWithANulByteIsRefused) {
  net::OpensslPtr<X509> certificate = make({.names = ""});
  const std::string text("spiffe://example/shop/cart\0.evil", 32);
  GENERAL_NAMES* names = sk_GENERAL_NAME_new_null();
  GENERAL_NAME* name = GENERAL_NAME_new();
  ASN1_IA5STRING* uri = ASN1_IA5STRING_new();
  ASN1_STRING_set(uri, text.data(), static_cast<int>(text.size()));
  GENERAL_NAME_set0_value(name, GEN_URI, uri);
  sk_GENERAL_NAME_push(names, name);
  X509_add1_ext_i2d(certificate.get(), NID_subject_alt_name, names, 1, X509V3_ADD_APPEND);
  GENERAL_NAMES_free(names);
  EXPECT_FALSE(verify_svid(*certificate, kNow));
}

TEST(PeerTest, AnotherTrustDomainIsRefusedByTheMesh) {
  const WorkloadIdentity own{*SpiffeId::make("other", "shop", "cart"), {}, ""};
  const auto config = mesh_tls(net::TlsRole::server, own, {}, [] { return kNow; });
  const auto refused = config.accept_peer(*make({}));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("trust domain other"), std::string::npos);
}

TEST(PeerTest, NobodyIsExpectedByAnEmptyIdentity) {
  EXPECT_FALSE(expect_peer(SpiffeId())(""));
  EXPECT_FALSE(expect_peer(*SpiffeId::make("example", "shop", "cart"))(""));
  EXPECT_TRUE(expect_peer(*SpiffeId::make("example", "shop", "cart"))("spiffe://example/shop/cart"));
  EXPECT_TRUE(peer_identity("").empty());
}

std::string request_with(const net::PrivateKey& key, const std::string& subject, const std::string& extensions,
                         int nid) {
  X509_REQ* request = X509_REQ_new();
  X509_REQ_set_pubkey(request, key.get());
  if (!subject.empty()) {
    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(subject.c_str()), -1, -1, 0);
  }
  if (!extensions.empty()) {
    STACK_OF(X509_EXTENSION)* list = sk_X509_EXTENSION_new_null();
    sk_X509_EXTENSION_push(list, X509V3_EXT_conf_nid(nullptr, nullptr, nid, extensions.c_str()));
    X509_REQ_add_extensions(request, list);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
  }
  X509_REQ_sign(request, key.get(), EVP_sha256());
  const net::OpensslPtr<BIO> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(bio.get(), request);
  X509_REQ_free(request);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

TEST(CertificateRequestTest, WhatIsMadeIsUnderstood) {
  const auto key = *generate_key();
  const auto id = *SpiffeId::make("example", "shop", "cart");
  const auto request = parse_certificate_request(*make_certificate_request(key, id));
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->requested, id);
  EXPECT_EQ(EVP_PKEY_eq(request->public_key.get(), key.get()), 1);
  const auto nameless = parse_certificate_request(request_with(key, "", "", 0));
  ASSERT_TRUE(nameless);
  EXPECT_FALSE(nameless->requested);
}

TEST(CertificateRequestTest, HostileRequestsAreRefused) {
  const auto key = *generate_key();
  const auto rsa = net::share_key(EVP_RSA_gen(2048));
  const auto p384 = net::share_key(EVP_EC_gen("P-384"));
  const std::pair<const char*, std::string> cases[] = {
      {"nothing", ""},
      {"no PEM", "hello"},
      {"huge", std::string(9000, 'x')},
      {"RSA", request_with(rsa, "", "", 0)},
      {"another curve", request_with(p384, "", "", 0)},
      {"a subject", request_with(key, "cart", "", 0)},
      {"to be an authority", request_with(key, "", "critical,CA:TRUE", NID_basic_constraints)},
      {"a DNS name", request_with(key, "", "DNS:cart", NID_subject_alt_name)},
      {"two names", request_with(key, "", "URI:spiffe://example/a/b,DNS:cart", NID_subject_alt_name)},
      {"no SPIFFE ID", request_with(key, "", "URI:https://example", NID_subject_alt_name)},
  };
  for (const auto& [name, pem] : cases) EXPECT_FALSE(parse_certificate_request(pem)) << name;
}

TEST(CertificateRequestTest, AKeyThatTheSenderDoesNotHaveIsRefused) {
  const auto id = *SpiffeId::make("example", "shop", "cart");
  const std::string pem = *make_certificate_request(*generate_key(), id);
  const net::OpensslPtr<BIO> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  X509_REQ* request = PEM_read_bio_X509_REQ(in.get(), nullptr, nullptr, nullptr);
  X509_REQ_set_pubkey(request, generate_key()->get());  // the signature is still the first key's
  const net::OpensslPtr<BIO> out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(out.get(), request);
  X509_REQ_free(request);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  const auto parsed = parse_certificate_request({data, static_cast<std::size_t>(size)});
  ASSERT_FALSE(parsed);
  EXPECT_NE(parsed.error().message.find("own key"), std::string::npos);
}

}  // namespace
}  // namespace bulkhead::identity
