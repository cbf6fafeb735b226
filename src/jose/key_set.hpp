#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "jose/digest.hpp"
#include "jose/key.hpp"

namespace bulkhead::jose {

// A key of a document that is not used, and why.
struct LeftOut {
  std::string key;  // "key 3 (kid 'a')", counted from 1
  std::string why;
};

// The public keys of one issuer. Immutable; share it between threads.
class KeySet {
 public:
  static constexpr std::size_t kMaxText = 1U << 20U;
  static constexpr std::size_t kMaxKeys = 256;

  // Reads a JWK Set (RFC 7517 §5) or a single JWK, strictly. `rsa_default` is the algorithm of RSA keys without `alg`:
  // what the operator wrote, never what a token says.
  // A key of a kind that is not known here, or that breaks a rule of read_jwk(), is left out; a document in which no
  // key is left is an error, and so is one with a secret in it.
  static Result<KeySet> parse(std::string_view text, Algorithm rsa_default = Algorithm::rs256);

  // In the document's order. Several may have the same id.
  std::span<const Key> keys() const { return keys_; }
  std::span<const LeftOut> left_out() const { return left_out_; }

  // Differs where the keys, or what they are used for, may differ.
  const Digest& revision() const { return revision_; }

 private:
  std::vector<Key> keys_;
  std::vector<LeftOut> left_out_;
  Digest revision_{};
};

}  // namespace bulkhead::jose
