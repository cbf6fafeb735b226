#include "control/edge_certificate.hpp"

#include <functional>
#include <memory>

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/fd.hpp"

namespace bulkhead::control {
namespace {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Cert = std::unique_ptr<X509, Deleter<X509_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kLife = 365 * kDay;
constexpr std::int64_t kRenewBefore = 30 * kDay;

bool is_address(const std::string& host) {
  in6_addr buffer{};
  return ::inet_pton(AF_INET, host.c_str(), &buffer) == 1 || ::inet_pton(AF_INET6, host.c_str(), &buffer) == 1;
}

std::string subject_alternative_names(const std::vector<std::string>& hosts) {
  std::string names;
  for (const std::string& host : hosts) {
    if (!names.empty()) names += ",";
    names += (is_address(host) ? "IP:" : "DNS:") + host;
  }
  return names;
}

bool add_extension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

std::string pem_of(const std::function<int(BIO*)>& write) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || write(bio.get()) != 1) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Cert read_certificate(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Cert(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

Key read_key(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
}

bool still_good(const std::string& chain, const std::vector<std::string>& hosts, std::int64_t now) {
  const Cert certificate = read_certificate(chain);
  if (!certificate) return false;
  time_t limit = now + kRenewBefore;
  if (X509_cmp_time(X509_get0_notAfter(certificate.get()), &limit) <= 0) return false;
  for (const std::string& host : hosts) {
    const bool listed = is_address(host)
                            ? X509_check_ip_asc(certificate.get(), host.c_str(), 0) == 1
                            : X509_check_host(certificate.get(), host.data(), host.size(), 0, nullptr) == 1;
    if (!listed) return false;
  }
  return true;
}

bool fill(X509* certificate, EVP_PKEY* key, const std::vector<std::string>& hosts, std::int64_t now) {
  unsigned char serial[16];
  if (RAND_bytes(serial, sizeof serial) != 1) return false;
  serial[0] &= 0x7F;
  const std::unique_ptr<BIGNUM, Deleter<BN_free>> number(BN_bin2bn(serial, sizeof serial, nullptr));
  time_t from = now - 3600;
  time_t to = now + kLife;
  X509_NAME* name = X509_get_subject_name(certificate);
  static constexpr unsigned char kCommonName[] = "Bulkhead gateway";
  return X509_set_version(certificate, X509_VERSION_3) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr &&
         ASN1_TIME_set(X509_getm_notBefore(certificate), from) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), to) != nullptr &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, kCommonName, -1, -1, 0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1 &&
         add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
         add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
         add_extension(certificate, NID_subject_alt_name, subject_alternative_names(hosts)) &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
}

}  // namespace

Result<proxy::Certificate> generated_certificate(const std::string& directory, const std::vector<std::string>& hosts,
                                                 std::int64_t now) {
  if (auto made = make_directories(directory); !made) return fail(std::move(made.error()));
  const std::string certificate_path = directory + "/certificate.pem";
  const std::string key_path = directory + "/key.pem";
  auto kept = read_file(certificate_path);
  auto kept_key = read_file(key_path);
  if (kept && kept_key && still_good(*kept, hosts, now)) return proxy::Certificate{hosts, *kept, *kept_key};

  const Key key(EVP_EC_gen("P-256"));
  const Cert certificate(X509_new());
  if (!key || !certificate || !fill(certificate.get(), key.get(), hosts, now))
    return fail(Cause::internal, "the gateway's certificate could not be made for {}",
                subject_alternative_names(hosts));
  const std::string chain_pem = pem_of([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); });
  const std::string key_pem =
      pem_of([&](BIO* bio) { return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  if (auto written = write_file_atomically(key_path, key_pem, 0600); !written) return fail(std::move(written.error()));
  if (auto written = write_file_atomically(certificate_path, chain_pem, 0644); !written)
    return fail(std::move(written.error()));
  return proxy::Certificate{hosts, chain_pem, key_pem};
}

Result<proxy::Certificate> given_certificate(const std::string& certificate_path, const std::string& key_path) {
  auto chain = read_file(certificate_path, 1U << 20U);
  if (!chain) return fail(within("gateway.tls.cert", std::move(chain.error())));
  auto key = read_file(key_path, 1U << 20U);
  if (!key) return fail(within("gateway.tls.key", std::move(key.error())));
  const Cert parsed = read_certificate(*chain);
  if (!parsed) return fail(Cause::invalid, "gateway.tls.cert: {} holds no PEM certificate", certificate_path);
  const Key parsed_key = read_key(*key);
  if (!parsed_key) return fail(Cause::invalid, "gateway.tls.key: {} holds no unencrypted PEM private key", key_path);
  if (X509_check_private_key(parsed.get(), parsed_key.get()) != 1)
    return fail(Cause::invalid, "gateway.tls: the key {} does not belong to the certificate {}", key_path,
                certificate_path);
  return proxy::Certificate{{}, *chain, *key};
}

}  // namespace bulkhead::control
