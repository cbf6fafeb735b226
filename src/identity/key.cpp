#include "identity/key.hpp"

#include <array>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "identity/certificate.hpp"

namespace bulkhead::identity {
namespace {

constexpr std::size_t kMaxRequest = 8U << 10U;

struct RequestDelete {
  void operator()(X509_REQ* request) const { X509_REQ_free(request); }
};
using Request = std::unique_ptr<X509_REQ, RequestDelete>;

struct ExtensionsDelete {
  void operator()(STACK_OF(X509_EXTENSION) * extensions) const {
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  }
};
using Extensions = std::unique_ptr<STACK_OF(X509_EXTENSION), ExtensionsDelete>;

Result<std::string> pem_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

bool is_p256(EVP_PKEY* key) {
  std::array<char, 32> group{};
  return EVP_PKEY_is_a(key, "EC") == 1 && EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) == 1 &&
         std::string_view(group.data()) == SN_X9_62_prime256v1;
}

std::unexpected<Fault> refuse(std::string_view why) { return fail(Cause::invalid, "the certificate request {}", why); }

Result<std::optional<SpiffeId>> requested_id(X509_REQ* request) {
  const Extensions extensions(X509_REQ_get_extensions(request));
  if (!extensions) return std::optional<SpiffeId>();
  if (sk_X509_EXTENSION_num(extensions.get()) == 0) return std::optional<SpiffeId>();
  X509_EXTENSION* only = sk_X509_EXTENSION_value(extensions.get(), 0);
  if (sk_X509_EXTENSION_num(extensions.get()) != 1 ||
      OBJ_obj2nid(X509_EXTENSION_get_object(only)) != NID_subject_alt_name) {
    return refuse("asks for more than a name");
  }
  const GeneralNames names(static_cast<GENERAL_NAMES*>(X509V3_EXT_d2i(only)));
  if (!names || sk_GENERAL_NAME_num(names.get()) != 1) return refuse("does not ask for exactly one name");
  const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), 0);
  if (name->type != GEN_URI) return refuse("asks for a name that is no URI");
  auto id = SpiffeId::parse(text_of(name->d.uniformResourceIdentifier));
  if (!id) return fail(within("the certificate request", id.error()));
  return std::optional<SpiffeId>(std::move(*id));
}

}  // namespace

Result<net::PrivateKey> generate_key() {
  ERR_clear_error();
  EVP_PKEY* key = EVP_EC_gen("P-256");
  if (key == nullptr) return openssl_fail("make a key");
  return net::share_key(key);
}

Result<std::string> private_key_pem(const net::PrivateKey& key) {
  const net::OpensslPtr<BIO> bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return openssl_fail("write a key");
  }
  return pem_text(bio.get());
}

Result<std::string> make_certificate_request(const net::PrivateKey& key, const SpiffeId& id) {
  ERR_clear_error();
  const Request request(X509_REQ_new());
  const GeneralNames names = uri_name(id);
  Extensions extensions(sk_X509_EXTENSION_new_null());
  X509_EXTENSION* name = names ? X509V3_EXT_i2d(NID_subject_alt_name, 1, names.get()) : nullptr;
  if (!request || !extensions || name == nullptr) return openssl_fail("make a certificate request");
  sk_X509_EXTENSION_push(extensions.get(), name);
  if (X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.get()) != 1 ||
      X509_REQ_add_extensions(request.get(), extensions.get()) != 1 ||
      X509_REQ_sign(request.get(), key.get(), EVP_sha256()) <= 0) {
    return openssl_fail("make a certificate request");
  }
  const net::OpensslPtr<BIO> bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509_REQ(bio.get(), request.get()) != 1) return openssl_fail("write a certificate request");
  return pem_text(bio.get());
}

Result<CertificateRequest> parse_certificate_request(std::string_view pem) {
  if (pem.size() > kMaxRequest) return refuse(fmt::format("has over {} bytes", kMaxRequest));
  ERR_clear_error();
  const net::OpensslPtr<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Request request(bio ? PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!request) return refuse(fmt::format("is not one (PEM): {}", net::openssl_error()));
  EVP_PKEY* key = X509_REQ_get_pubkey(request.get());
  if (key == nullptr) return refuse(fmt::format("has no usable key: {}", net::openssl_error()));
  const net::PrivateKey public_key = net::share_key(key);
  if (!is_p256(key)) return refuse("has another kind of key than P-256");
  if (X509_REQ_verify(request.get(), key) != 1) {
    ERR_clear_error();
    return refuse("is not signed by its own key");
  }
  if (X509_NAME_entry_count(X509_REQ_get_subject_name(request.get())) != 0) return refuse("asks for a subject");
  auto requested = requested_id(request.get());
  if (!requested) return fail(requested.error());
  return CertificateRequest{public_key, std::move(*requested)};
}

}  // namespace bulkhead::identity
