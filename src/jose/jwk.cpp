#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>
#include <openssl/core_names.h>

#include "jose/base64url.hpp"
#include "jose/evp.hpp"
#include "jose/key.hpp"
#include "jose/roca.hpp"

namespace bulkhead::jose {
namespace {

using nlohmann::json;

constexpr int kMinBits = 2048;
constexpr int kMaxBits = 8192;
constexpr std::size_t kMaxExponent = 8;  // octets
constexpr std::size_t kMaxKeyId = 1024;
constexpr std::array kPrivate{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"};

struct Curve {
  std::string_view name;
  std::string_view kty;
  const char* openssl;
  std::size_t width;  // of a coordinate or key, in octets
  Algorithm algorithm;
};
constexpr std::array<Curve, 5> kCurves{{
    {"P-256", "EC", "P-256", 32, Algorithm::es256},
    {"P-384", "EC", "P-384", 48, Algorithm::es384},
    {"P-521", "EC", "P-521", 66, Algorithm::es512},
    {"Ed25519", "OKP", "ED25519", 32, Algorithm::eddsa},
    {"Ed448", "OKP", "ED448", 57, Algorithm::eddsa},
}};

// A member that must be text.
Result<std::string> text_of(const json& jwk, const char* name) {
  const auto member = jwk.find(name);
  if (member == jwk.end()) return fail(Cause::invalid, "it has no {}", name);
  if (!member->is_string()) return fail(Cause::invalid, "its {} is not a string", name);
  return member->get<std::string>();
}

Result<std::string> bytes_of(const json& jwk, const char* name) {
  auto text = text_of(jwk, name);
  if (!text) return fail(text.error());
  auto bytes = decode_base64url(*text);
  if (!bytes) return fail(Cause::invalid, "its {} is not base64url without padding", name);
  return std::move(*bytes);
}

Result<std::string> bytes_of(const json& jwk, const char* name, std::size_t width) {
  auto bytes = bytes_of(jwk, name);
  if (bytes && bytes->size() != width) {
    return fail(Cause::invalid, "its {} has {} octets; it has {} on this curve", name, bytes->size(), width);
  }
  return bytes;
}

Result<std::string> number_of(const json& jwk, const char* name) {
  auto bytes = bytes_of(jwk, name);
  if (bytes && (bytes->empty() || bytes->front() == '\0')) {
    return fail(Cause::invalid, "its {} is empty or begins with a zero octet", name);
  }
  return bytes;
}

Result<> check_secrets(const json& jwk) {
  if (jwk.value("kty", json()) == "oct")
    return fail(Cause::denied, "it is a shared secret (kty oct), not a public key");
  for (const char* name : kPrivate) {
    if (jwk.contains(name))
      return fail(Cause::denied, "it has the private member '{}': only public keys may be here", name);
  }
  return {};
}

Result<> check_use(const json& jwk) {
  const auto use = jwk.find("use");
  if (use != jwk.end() && *use != "sig") return fail(Cause::unsupported, "its use is not sig");
  const auto operations = jwk.find("key_ops");
  if (operations == jwk.end()) return {};
  if (!operations->is_array()) return fail(Cause::invalid, "its key_ops is not a list");
  if (std::ranges::find(*operations, json("verify")) == operations->end()) {
    return fail(Cause::unsupported, "its key_ops does not have verify");
  }
  return {};
}

Result<std::string> id_of(const json& jwk) {
  if (!jwk.contains("kid")) return std::string();
  auto id = text_of(jwk, "kid");
  if (id && (id->empty() || id->size() > kMaxKeyId)) {
    return fail(Cause::invalid, "its kid has {} octets; 1 to {} are allowed", id->size(), kMaxKeyId);
  }
  return id;
}

// The algorithm of `alg`, or `otherwise` where there is none.
Result<Algorithm> algorithm_of(const json& jwk, Algorithm otherwise) {
  if (!jwk.contains("alg")) return otherwise;
  auto name = text_of(jwk, "alg");
  if (!name) return fail(name.error());
  const auto algorithm = parse_algorithm(*name);
  if (!algorithm) return fail(Cause::unsupported, "its alg is none that verifies signatures here");
  return *algorithm;
}

Result<KeyHandle> from_parameters(const char* type, OSSL_PARAM* parameters) {
  const Evp<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
    ERR_clear_error();
    return fail(Cause::invalid, "it is no {} key", type);
  }
  return KeyHandle(key, EvpDelete());
}

Result<> check_rsa(const BIGNUM* modulus, const BIGNUM* exponent) {
  const int bits = BN_num_bits(modulus);
  if (bits < kMinBits || bits > kMaxBits) {
    return fail(Cause::invalid, "it is an RSA key of {} bits; {} to {} are allowed", bits, kMinBits, kMaxBits);
  }
  if (!BN_is_odd(exponent) || BN_num_bits(exponent) < 17) {
    return fail(Cause::invalid, "its exponent e is even or below 65537");
  }
  if (!BN_is_odd(modulus)) return fail(Cause::invalid, "its modulus n is even");
  if (shows_roca(modulus))
    return fail(Cause::invalid, "its modulus n comes from a generator whose keys can be factored (CVE-2017-15361)");
  return {};
}

Result<KeyHandle> read_rsa(const json& jwk) {
  const auto n = number_of(jwk, "n");
  const auto e = number_of(jwk, "e");
  if (!n) return fail(n.error());
  if (!e) return fail(e.error());
  if (n->size() > kMaxBits / 8) return fail(Cause::invalid, "its modulus n is longer than {} bits", kMaxBits);
  if (e->size() > kMaxExponent) return fail(Cause::invalid, "its exponent e is longer than {} octets", kMaxExponent);
  const Evp<BIGNUM> modulus(BN_bin2bn(octets(*n), static_cast<int>(n->size()), nullptr));
  const Evp<BIGNUM> exponent(BN_bin2bn(octets(*e), static_cast<int>(e->size()), nullptr));
  if (!modulus || !exponent) return evp_fail("read an RSA key");
  if (auto sound = check_rsa(modulus.get(), exponent.get()); !sound) return fail(sound.error());
  const Evp<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
    return evp_fail("read an RSA key");
  }
  const Evp<OSSL_PARAM> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  return from_parameters("RSA", parameters.get());
}

Result<KeyHandle> read_ec(const json& jwk, const Curve& curve) {
  const auto x = bytes_of(jwk, "x", curve.width);
  const auto y = bytes_of(jwk, "y", curve.width);
  if (!x) return fail(x.error());
  if (!y) return fail(y.error());
  std::string point = "\x04" + *x + *y;  // uncompressed, SEC 1 §2.3.3
  std::string group = curve.openssl;
  std::array parameters{OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size()),
                        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
                        OSSL_PARAM_construct_end()};
  auto key = from_parameters("EC", parameters.data());
  if (!key) return fail(Cause::invalid, "its point is not on {}", curve.name);
  const Evp<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_pkey(nullptr, key->get(), nullptr));
  if (!context || EVP_PKEY_public_check(context.get()) != 1) {
    ERR_clear_error();
    return fail(Cause::invalid, "its point is not on {}", curve.name);
  }
  return key;
}

Result<KeyHandle> read_okp(const json& jwk, const Curve& curve) {
  const auto x = bytes_of(jwk, "x", curve.width);
  if (!x) return fail(x.error());
  EVP_PKEY* key = EVP_PKEY_new_raw_public_key_ex(nullptr, curve.openssl, nullptr, octets(*x), x->size());
  if (key == nullptr) return evp_fail("read an OKP key");
  return KeyHandle(key, EvpDelete());
}

Result<Key> read_rsa_key(const json& jwk, std::string id, Algorithm rsa_default) {
  const auto algorithm = algorithm_of(jwk, rsa_default);
  if (!algorithm) return fail(algorithm.error());
  if (!is_rsa(*algorithm)) return fail(Cause::invalid, "its alg {} is not one of RSA", to_string(*algorithm));
  auto handle = read_rsa(jwk);
  if (!handle) return fail(handle.error());
  return Key(std::move(id), *algorithm, std::move(*handle));
}

Result<Key> read_curve_key(const json& jwk, std::string id, std::string_view kty) {
  const auto name = text_of(jwk, "crv");
  if (!name) return fail(name.error());
  const auto* curve =
      std::ranges::find_if(kCurves, [&](const Curve& each) { return each.name == *name && each.kty == kty; });
  if (curve == kCurves.end()) return fail(Cause::unsupported, "its curve is none that verifies signatures here");
  const auto algorithm = algorithm_of(jwk, curve->algorithm);
  if (!algorithm) return fail(algorithm.error());
  if (*algorithm != curve->algorithm) {
    return fail(Cause::invalid, "its alg is {}, but its curve {} is for {}", to_string(*algorithm), curve->name,
                to_string(curve->algorithm));
  }
  auto handle = kty == "EC" ? read_ec(jwk, *curve) : read_okp(jwk, *curve);
  if (!handle) return fail(handle.error());
  return Key(std::move(id), *algorithm, std::move(*handle));
}

}  // namespace

Result<Key> read_jwk(const json& jwk, Algorithm rsa_default) {
  if (!jwk.is_object()) return fail(Cause::invalid, "it is not an object");
  if (auto no_secret = check_secrets(jwk); !no_secret) return fail(no_secret.error());
  const auto kty = text_of(jwk, "kty");
  if (!kty) return fail(kty.error());
  if (auto use = check_use(jwk); !use) return fail(use.error());
  auto id = id_of(jwk);
  if (!id) return fail(id.error());
  if (*kty == "RSA") return read_rsa_key(jwk, std::move(*id), rsa_default);
  if (*kty == "EC" || *kty == "OKP") return read_curve_key(jwk, std::move(*id), *kty);
  return fail(Cause::unsupported, "its kty is none of RSA, EC and OKP");
}

}  // namespace bulkhead::jose
