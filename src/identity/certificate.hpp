#pragma once

#include <chrono>
#include <string>

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/result.hpp"
#include "identity/spiffe_id.hpp"
#include "identity/time.hpp"
#include "net/tls.hpp"

// Certificates as X.509 wants them, for the folder's own use.
namespace bulkhead::identity {

struct GeneralNamesDelete {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};
using GeneralNames = std::unique_ptr<GENERAL_NAMES, GeneralNamesDelete>;

std::unexpected<Fault> openssl_fail(std::string_view doing);

// Names with one URI, `id`; null if memory is out.
GeneralNames uri_name(const SpiffeId& id);
std::string_view text_of(const ASN1_STRING* string);

struct Validity {
  WallTime not_before;
  WallTime not_after;
};
Result<Validity> validity_of(const X509& certificate);

// What one kind of certificate says of itself; each is an extension's value as OpenSSL writes it.
struct Profile {
  const char* basic_constraints;
  const char* key_usage;
  const char* extended_key_usage;  // none: null
};

struct Draft {
  std::string subject;
  SpiffeId uri;
  EVP_PKEY* public_key;
  Validity validity;
  Profile profile;
};

struct SignedCertificate {
  net::OpensslPtr<X509> certificate;
  std::string serial;
};
// Signs with a random serial of 128 bits. `issuer` is null for a self-signed certificate.
Result<SignedCertificate> sign_certificate(const Draft& draft, X509* issuer, EVP_PKEY* issuer_key);

Result<std::string> certificate_pem(X509& certificate);

}  // namespace bulkhead::identity
