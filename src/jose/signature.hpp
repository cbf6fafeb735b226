#pragma once

// Signatures as JOSE writes them: ECDSA as r and s of full width one after the other (RFC 7518 §3.4), RSA PSS with a
// salt as long as the digest (§3.5), EdDSA as it is (RFC 8037 §3.1).

#include <memory>
#include <string>
#include <string_view>

#include <openssl/types.h>

#include "base/result.hpp"
#include "jose/algorithm.hpp"

namespace bulkhead::jose {

// Shared and immutable; any thread may use it.
using KeyHandle = std::shared_ptr<EVP_PKEY>;

// False for a signature of another length too. `key` must be of the algorithm's kind.
bool verify_signature(EVP_PKEY* key, Algorithm algorithm, std::string_view text, std::string_view signature);

// With a private key of the algorithm's kind.
Result<std::string> make_signature(EVP_PKEY* key, Algorithm algorithm, std::string_view text);

}  // namespace bulkhead::jose
