#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json_fwd.hpp>

#include "base/result.hpp"
#include "jose/signature.hpp"

namespace bulkhead::jose {

// A public key with the one algorithm that it verifies (RFC 8725 §3.1): what a token says can't change it. Cheap to
// copy; immutable, for any thread.
class Key {
 public:
  Key(std::string id, Algorithm algorithm, KeyHandle handle)
      : id_(std::move(id)), algorithm_(algorithm), handle_(std::move(handle)) {}

  const std::string& id() const { return id_; }  // its `kid`; "" where it has none
  Algorithm algorithm() const { return algorithm_; }

  bool verify(std::string_view text, std::string_view signature) const {
    return verify_signature(handle_.get(), algorithm_, text, signature);
  }

 private:
  std::string id_;
  Algorithm algorithm_;
  KeyHandle handle_;
};

// Reads a JSON Web Key (RFC 7517) for verification: RSA of 2048 to 8192 bits with an odd exponent from 65537 on, EC on
// P-256, P-384 or P-521, OKP Ed25519 or Ed448. Its algorithm is its `alg`; without one its curve's; for RSA
// `rsa_default`, which must be of RSA. Values are strict: no leading zero in RSA's, full width for coordinates, a point
// on its curve, `use` sig where there is one, verify among `key_ops` where there are some, no modulus that shows CVE-
// 2017-15361 (ROCA).
//
// Cause::denied where the JWK holds a secret: a private member, or `kty` oct. Who reads a document must refuse it all.
// Cause::unsupported where kty, crv or alg is none of these, or the key has another use; invalid for what is wrong.
Result<Key> read_jwk(const nlohmann::json& jwk, Algorithm rsa_default);

}  // namespace bulkhead::jose
