#include "identity/certificate.hpp"

#include <array>
#include <ctime>

#include <openssl/pem.h>
#include <openssl/rand.h>

namespace bulkhead::identity {
namespace {

constexpr std::size_t kSerialBytes = 16;

struct BignumDelete {
  void operator()(BIGNUM* number) const { BN_free(number); }
};

struct ExtensionDelete {
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
using Extension = std::unique_ptr<X509_EXTENSION, ExtensionDelete>;

bool set_time(ASN1_TIME* field, WallTime time) {
  return ASN1_TIME_set(field, std::chrono::system_clock::to_time_t(time)) != nullptr;
}

Result<WallTime> time_of(const ASN1_TIME* field) {
  std::tm parts{};
  if (field == nullptr || ASN1_TIME_to_tm(field, &parts) != 1)
    return fail(Cause::invalid, "its dates are not understood");
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

bool add_extension(X509* certificate, X509V3_CTX* context, int nid, const char* value) {
  const Extension extension(X509V3_EXT_conf_nid(nullptr, context, nid, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// 128 random bits, with the first bit set and the sign clear, so that each serial has the same length.
Result<std::string> set_serial(X509* certificate) {
  std::array<unsigned char, kSerialBytes> bytes{};
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return openssl_fail("make a serial");
  bytes[0] |= 0x80U;
  const std::unique_ptr<BIGNUM, BignumDelete> number(BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  if (!number || BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) == nullptr) {
    return openssl_fail("make a serial");
  }
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

bool add_extensions(X509* certificate, X509* issuer, const Draft& draft) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Profile& profile = draft.profile;
  if (!add_extension(certificate, &context, NID_basic_constraints, profile.basic_constraints) ||
      !add_extension(certificate, &context, NID_key_usage, profile.key_usage) ||
      !add_extension(certificate, &context, NID_subject_key_identifier, "hash")) {
    return false;
  }
  if (profile.extended_key_usage != nullptr &&
      !add_extension(certificate, &context, NID_ext_key_usage, profile.extended_key_usage)) {
    return false;
  }
  if (issuer != certificate && !add_extension(certificate, &context, NID_authority_key_identifier, "keyid:always")) {
    return false;
  }
  // The value is made as a structure and not as text: nothing in an ID can be taken for syntax.
  const GeneralNames names = uri_name(draft.uri);
  const int critical = draft.subject.empty() ? 1 : 0;
  return names && X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), critical, X509V3_ADD_APPEND) == 1;
}

}  // namespace

std::unexpected<Fault> openssl_fail(std::string_view doing) {
  return fail(Cause::internal, "{}: {}", doing, net::openssl_error());
}

GeneralNames uri_name(const SpiffeId& id) {
  GeneralNames names(sk_GENERAL_NAME_new_null());
  GENERAL_NAME* name = GENERAL_NAME_new();
  ASN1_IA5STRING* uri = ASN1_IA5STRING_new();
  if (!names || name == nullptr || uri == nullptr ||
      ASN1_STRING_set(uri, id.text().data(), static_cast<int>(id.text().size())) != 1) {
    GENERAL_NAME_free(name);
    ASN1_IA5STRING_free(uri);
    return nullptr;
  }
  GENERAL_NAME_set0_value(name, GEN_URI, uri);
  sk_GENERAL_NAME_push(names.get(), name);
  return names;
}

std::string_view text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

Result<Validity> validity_of(const X509& certificate) {
  const auto not_before = time_of(X509_get0_notBefore(&certificate));
  if (!not_before) return fail(not_before.error());
  const auto not_after = time_of(X509_get0_notAfter(&certificate));
  if (!not_after) return fail(not_after.error());
  return Validity{*not_before, *not_after};
}

Result<SignedCertificate> sign_certificate(const Draft& draft, X509* issuer, EVP_PKEY* issuer_key) {
  net::OpensslPtr<X509> certificate(X509_new());
  X509* raw = certificate.get();
  if (raw == nullptr || X509_set_version(raw, X509_VERSION_3) != 1) return openssl_fail("make a certificate");
  auto serial = set_serial(raw);
  if (!serial) return fail(serial.error());
  X509_NAME* subject = X509_get_subject_name(raw);
  if (!draft.subject.empty()) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(draft.subject.c_str());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, bytes, -1, -1, 0);
  }
  X509* signer = issuer != nullptr ? issuer : raw;
  const bool filled =
      set_time(X509_getm_notBefore(raw), draft.validity.not_before) &&
      set_time(X509_getm_notAfter(raw), draft.validity.not_after) && X509_set_pubkey(raw, draft.public_key) == 1 &&
      X509_set_issuer_name(raw, X509_get_subject_name(signer)) == 1 && add_extensions(raw, signer, draft);
  if (!filled || X509_sign(raw, issuer_key, EVP_sha256()) <= 0) return openssl_fail("sign a certificate");
  return SignedCertificate{std::move(certificate), std::move(*serial)};
}

Result<std::string> certificate_pem(X509& certificate) {
  const net::OpensslPtr<BIO> bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), &certificate) != 1) return openssl_fail("write a certificate");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

}  // namespace bulkhead::identity
