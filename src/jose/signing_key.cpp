#include "jose/signing_key.hpp"

#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/core_names.h>
#include <openssl/pem.h>

#include "jose/base64url.hpp"
#include "jose/digest.hpp"
#include "jose/evp.hpp"

namespace bulkhead::jose {
namespace {

using nlohmann::json;

constexpr std::size_t kWidth = 32;  // of Ed25519's key and P-256's coordinates, in octets

std::string_view view(const unsigned char* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

Result<std::string> coordinate(EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  std::array<unsigned char, kWidth> bytes{};
  const bool got = EVP_PKEY_get_bn_param(key, name, &number) == 1;
  const Evp<BIGNUM> owned(number);
  if (!got || BN_bn2binpad(number, bytes.data(), kWidth) < 0) return evp_fail("read a public key");
  return encode_base64url(view(bytes.data(), kWidth));
}

// The members that RFC 7638 §3.2 and RFC 8037 §2 take the thumbprint of.
Result<json> required_members(EVP_PKEY* key, Algorithm algorithm) {
  if (algorithm == Algorithm::es256) {
    auto x = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X);
    auto y = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y);
    if (!x) return fail(x.error());
    if (!y) return fail(y.error());
    return json{{"kty", "EC"}, {"crv", "P-256"}, {"x", *x}, {"y", *y}};
  }
  std::array<unsigned char, kWidth> bytes{};
  std::size_t size = bytes.size();
  if (EVP_PKEY_get_raw_public_key(key, bytes.data(), &size) != 1) return evp_fail("read a public key");
  return json{{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", encode_base64url(view(bytes.data(), size))}};
}

// Without it OpenSSL would ask at the terminal.
int no_password(char*, int, int, void*) { return -1; }

// nlohmann writes members in lexicographic order and without white space, as RFC 7638 §3.3 asks.
std::string thumbprint(const json& members) {
  const Digest digest = sha256(members.dump());
  return encode_base64url(octets_of(digest));
}

}  // namespace

Result<SigningKey> SigningKey::generate(Algorithm algorithm) {
  if (algorithm != Algorithm::eddsa && algorithm != Algorithm::es256) {
    return fail(Cause::unsupported, "keys for {} are not made here; EdDSA and ES256 are", to_string(algorithm));
  }
  EVP_PKEY* made = algorithm == Algorithm::eddsa ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519") : EVP_EC_gen("P-256");
  if (made == nullptr) return evp_fail("make a key");
  return of(algorithm, KeyHandle(made, EvpDelete()));
}

Result<SigningKey> SigningKey::of(Algorithm algorithm, KeyHandle handle) {
  auto jwk = required_members(handle.get(), algorithm);
  if (!jwk) return fail(jwk.error());
  SigningKey key(algorithm, std::move(handle));
  key.id_ = thumbprint(*jwk);
  (*jwk)["kid"] = key.id_;
  (*jwk)["alg"] = to_string(algorithm);
  (*jwk)["use"] = "sig";
  key.public_jwk_ = jwk->dump();
  return key;
}

Result<SigningKey> SigningKey::from_pem(std::string_view pem) {
  const Evp<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) return evp_fail("read a key");
  KeyHandle handle(PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_password, nullptr), EvpDelete());
  if (!handle) return evp_fail("read a key");
  if (EVP_PKEY_is_a(handle.get(), "ED25519") == 1) return of(Algorithm::eddsa, std::move(handle));
  char curve[16] = {};
  const bool named = EVP_PKEY_get_group_name(handle.get(), curve, sizeof curve, nullptr) == 1;
  if (named && std::string_view(curve) == SN_X9_62_prime256v1) return of(Algorithm::es256, std::move(handle));
  return fail(Cause::unsupported, "keys to sign with are Ed25519 or P-256");
}

Result<std::string> SigningKey::private_pem() const {
  const Evp<BIO> bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), handle_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return evp_fail("write a key");
  const char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Result<std::string> SigningKey::sign(std::string_view type, const json& claims) const {
  try {
    return sign_payload(type, claims.dump());
  } catch (const json::exception&) {
    return fail(Cause::invalid, "a claim to sign is not UTF-8");
  }
}

Result<std::string> SigningKey::sign_payload(std::string_view type, std::string_view payload) const {
  // Three words of ours: nothing in them is escaped in JSON.
  std::string token =
      encode_base64url(fmt::format(R"({{"alg":"{}","kid":"{}","typ":"{}"}})", to_string(algorithm_), id_, type));
  token += '.';
  append_base64url(token, payload);
  const auto signature = make_signature(handle_.get(), algorithm_, token);
  if (!signature) return fail(signature.error());
  token += '.';
  append_base64url(token, *signature);
  return token;
}

}  // namespace bulkhead::jose
