#pragma once

// For tests: certificates of any words, signed by authorities made for it.

#include <chrono>
#include <string>

#include <openssl/x509v3.h>

#include "identity/certificate.hpp"
#include "identity/key.hpp"
#include "net/tls.hpp"

namespace bulkhead::identity::test {

// Each as OpenSSL writes it; "" leaves it out.
struct Words {
  std::string common_name;
  std::string names{};
  std::string constraints = "critical,CA:FALSE";
  std::string usage = "critical,digitalSignature";
  std::string extended = "clientAuth";
  std::chrono::seconds begin = std::chrono::hours(-1);  // from now
  std::chrono::seconds end = std::chrono::hours(1);
};

struct Issued {
  net::OpensslPtr<X509> certificate;
  net::PrivateKey key;

  std::string pem() const { return *certificate_pem(*certificate); }
};

inline void add_extension(X509* certificate, int nid, const std::string& value) {
  if (value.empty()) return;
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// As it comes from a peer. By itself where `issuer` is null.
inline Issued issue(const Words& words, const Issued* issuer) {
  static long serial = 0x4d1;
  Issued issued{net::OpensslPtr<X509>(X509_new()), *generate_key()};
  X509* raw = issued.certificate.get();
  const auto now = std::chrono::system_clock::now();
  X509_set_version(raw, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(raw), serial++);
  ASN1_TIME_set(X509_getm_notBefore(raw), std::chrono::system_clock::to_time_t(now + words.begin));
  ASN1_TIME_set(X509_getm_notAfter(raw), std::chrono::system_clock::to_time_t(now + words.end));
  X509_set_pubkey(raw, issued.key.get());
  const auto* name = reinterpret_cast<const unsigned char*>(words.common_name.data());
  if (!words.common_name.empty()) {
    X509_NAME_add_entry_by_txt(X509_get_subject_name(raw), "CN", MBSTRING_UTF8, name,
                               static_cast<int>(words.common_name.size()), -1, 0);
  }
  X509_set_issuer_name(raw, X509_get_subject_name(issuer != nullptr ? issuer->certificate.get() : raw));
  add_extension(raw, NID_basic_constraints, words.constraints);
  add_extension(raw, NID_key_usage, words.usage);
  add_extension(raw, NID_ext_key_usage, words.extended);
  add_extension(raw, NID_subject_alt_name, words.names);
  X509_sign(raw, (issuer != nullptr ? issuer->key : issued.key).get(), EVP_sha256());
  unsigned char* der = nullptr;
  const int size = i2d_X509(raw, &der);
  const unsigned char* at = der;
  issued.certificate.reset(d2i_X509(nullptr, &at, size));
  OPENSSL_free(der);
  return issued;
}

inline Issued authority(const std::string& name, const Issued* issuer = nullptr) {
  return issue(
      {.common_name = name, .constraints = "critical,CA:TRUE", .usage = "critical,keyCertSign,cRLSign", .extended = ""},
      issuer);
}

}  // namespace bulkhead::identity::test
