#pragma once

// The signature algorithms of JOSE that have a public key (RFC 7518 §3.1, RFC 8037 §3.1). `none` and the HS family are
// not among them, so that nothing here can be asked to accept them.

#include <cstdint>
#include <optional>
#include <string_view>

namespace bulkhead::jose {

enum class Algorithm : std::uint8_t { rs256, rs384, rs512, ps256, ps384, ps512, es256, es384, es512, eddsa };

enum class Family : std::uint8_t { rsa_pkcs1, rsa_pss, ecdsa, eddsa };

// "RS256", as `alg` names it; names are compared byte by byte.
std::string_view to_string(Algorithm algorithm);
std::optional<Algorithm> parse_algorithm(std::string_view name);

Family family_of(Algorithm algorithm);
bool is_rsa(Algorithm algorithm);
// OpenSSL's name of the digest; null for EdDSA, which has its own.
const char* digest_of(Algorithm algorithm);

}  // namespace bulkhead::jose
