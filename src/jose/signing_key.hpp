#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/result.hpp"
#include "jose/signature.hpp"

namespace bulkhead::jose {

// A private key that signs tokens of ours. Immutable, for any thread.
class SigningKey {
 public:
  // EdDSA (Ed25519) or ES256.
  static Result<SigningKey> generate(Algorithm algorithm = Algorithm::eddsa);
  // What private_pem() gave. Cause::unsupported for a key of another kind; no error quotes the text.
  static Result<SigningKey> from_pem(std::string_view pem);

  const std::string& id() const { return id_; }  // its JWK's SHA-256 thumbprint (RFC 7638)
  Algorithm algorithm() const { return algorithm_; }
  // The public half as one JWK, which KeySet::parse() reads.
  const std::string& public_jwk() const { return public_jwk_; }

  // PKCS #8, not encrypted: a secret.
  Result<std::string> private_pem() const;

  // A JWS in compact form with alg, kid and this typ. Cause::invalid where a claim is not UTF-8.
  Result<std::string> sign(std::string_view type, const nlohmann::json& claims) const;
  // Likewise of the claims' text.
  Result<std::string> sign_payload(std::string_view type, std::string_view payload) const;

 private:
  static Result<SigningKey> of(Algorithm algorithm, KeyHandle handle);
  SigningKey(Algorithm algorithm, KeyHandle handle) : algorithm_(algorithm), handle_(std::move(handle)) {}

  Algorithm algorithm_;
  KeyHandle handle_;
  std::string id_;
  std::string public_jwk_;
};

}  // namespace bulkhead::jose
