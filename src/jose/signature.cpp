#include "jose/signature.hpp"

#include <openssl/rsa.h>

#include "jose/evp.hpp"

namespace bulkhead::jose {
namespace {

// RFC 7518 §3.4: the width of a coordinate.
std::size_t ecdsa_width(EVP_PKEY* key) { return (static_cast<std::size_t>(EVP_PKEY_get_bits(key)) + 7) / 8; }

// The form that OpenSSL reads; empty where the length is another.
std::string der_of(std::string_view raw, std::size_t width) {
  if (raw.size() != 2 * width) return {};
  const Evp<ECDSA_SIG> pair(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(octets(raw), static_cast<int>(width), nullptr);
  BIGNUM* s = BN_bin2bn(octets(raw.substr(width)), static_cast<int>(width), nullptr);
  if (!pair || ECDSA_SIG_set0(pair.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return {};
  }
  std::string der(static_cast<std::size_t>(std::max(i2d_ECDSA_SIG(pair.get(), nullptr), 0)), '\0');
  auto* at = reinterpret_cast<unsigned char*>(der.data());
  i2d_ECDSA_SIG(pair.get(), &at);
  return der;
}

Result<std::string> raw_of(std::string_view der, std::size_t width) {
  const unsigned char* at = octets(der);
  const Evp<ECDSA_SIG> pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  if (!pair) return evp_fail("read a signature");
  std::string raw(2 * width, '\0');
  auto* into = reinterpret_cast<unsigned char*>(raw.data());
  const int size = static_cast<int>(width);
  if (BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), into, size) != size ||
      BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), into + width, size) != size) {
    return evp_fail("write a signature");
  }
  return raw;
}

bool set_padding(EVP_PKEY_CTX* context, Algorithm algorithm) {
  if (family_of(algorithm) != Family::rsa_pss) return true;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

bool verify(EVP_PKEY* key, Algorithm algorithm, std::string_view text, std::string_view signature) {
  const Evp<EVP_MD_CTX> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* of_key = nullptr;
  return context &&
         EVP_DigestVerifyInit_ex(context.get(), &of_key, digest_of(algorithm), nullptr, nullptr, key, nullptr) == 1 &&
         set_padding(of_key, algorithm) &&
         EVP_DigestVerify(context.get(), octets(signature), signature.size(), octets(text), text.size()) == 1;
}

}  // namespace

bool verify_signature(EVP_PKEY* key, Algorithm algorithm, std::string_view text, std::string_view signature) {
  bool right = false;
  if (family_of(algorithm) == Family::ecdsa) {
    const std::string der = der_of(signature, ecdsa_width(key));
    right = !der.empty() && verify(key, algorithm, text, der);
  } else {
    right =
        signature.size() == static_cast<std::size_t>(EVP_PKEY_get_size(key)) && verify(key, algorithm, text, signature);
  }
  if (!right) ERR_clear_error();
  return right;
}

Result<std::string> make_signature(EVP_PKEY* key, Algorithm algorithm, std::string_view text) {
  const Evp<EVP_MD_CTX> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* of_key = nullptr;
  std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key)), '\0');
  std::size_t size = signature.size();
  if (!context ||
      EVP_DigestSignInit_ex(context.get(), &of_key, digest_of(algorithm), nullptr, nullptr, key, nullptr) != 1 ||
      !set_padding(of_key, algorithm) ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, octets(text),
                     text.size()) != 1) {
    return evp_fail("sign a token");
  }
  signature.resize(size);
  return family_of(algorithm) == Family::ecdsa ? raw_of(signature, ecdsa_width(key)) : signature;
}

}  // namespace bulkhead::jose
