#pragma once

#include <string>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "net/tls.hpp"

// Certificates for the tests of this folder.
namespace bulkhead::net {

inline PrivateKey new_key() { return share_key(EVP_EC_gen("P-256")); }

inline std::string pem_of(X509* certificate) {
  const OpensslPtr<BIO> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

struct Issued {
  OpensslPtr<X509> certificate;
  PrivateKey key;
  std::string pem() const { return pem_of(certificate.get()); }
  TlsCredential credential() const { return {pem(), key}; }
};

inline void add_extension(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// `san` as OpenSSL writes it ("URI:spiffe://…"), empty for an authority.
inline Issued issue(const std::string& san, const Issued* issuer, long valid_from = -60, long valid_until = 3600) {
  Issued issued{OpensslPtr<X509>(X509_new()), new_key()};
  X509* certificate = issued.certificate.get();
  static long serial = 1;
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), valid_from);
  X509_gmtime_adj(X509_getm_notAfter(certificate), valid_until);
  const std::string name = san.empty() ? "authority " + std::to_string(serial) : "leaf";
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "O", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer != nullptr ? issuer->certificate.get() : certificate));
  X509_set_pubkey(certificate, issued.key.get());
  add_extension(certificate, NID_basic_constraints, san.empty() ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (!san.empty()) add_extension(certificate, NID_subject_alt_name, san);
  X509_sign(certificate, issuer != nullptr ? issuer->key.get() : issued.key.get(), EVP_sha256());
  return issued;
}

inline std::string uri_of(X509& leaf) {
  auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&leaf, NID_subject_alt_name, nullptr, nullptr));
  std::string uri;
  if (names != nullptr) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, 0);
    uri.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.ia5)),
               static_cast<std::size_t>(ASN1_STRING_length(name->d.ia5)));
  }
  GENERAL_NAMES_free(names);
  return uri;
}

}  // namespace bulkhead::net
