#pragma once

// For tests: an issuer whose private key is known, and tokens of any header and payload signed with it.

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "jose/base64url.hpp"
#include "jose/evp.hpp"
#include "jose/key_set.hpp"
#include "jose/signature.hpp"
#include "jose/token.hpp"

namespace bulkhead::jose::test {

// RFC 8037 appendix A.1.
inline constexpr std::string_view kPrivate = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
inline constexpr std::string_view kPublic = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

inline constexpr Time kNow{std::chrono::seconds(1'800'000'000)};

inline std::string jwk(std::string_view kid) {
  return fmt::format(R"({{"kty":"OKP","crv":"Ed25519","x":"{}","kid":"{}"}})", kPublic, kid);
}

inline KeySet keys() { return *KeySet::parse(jwk("a")); }

inline std::string signed_token(std::string_view header, std::string_view payload) {
  static const KeyHandle key = [] {
    const std::string bytes = *decode_base64url(kPrivate);
    return KeyHandle(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, octets(bytes), bytes.size()), EvpDelete());
  }();
  const std::string text = encode_base64url(header) + "." + encode_base64url(payload);
  return text + "." + encode_base64url(*make_signature(key.get(), Algorithm::eddsa, text));
}

inline constexpr std::string_view kHeader = R"({"alg":"EdDSA","kid":"a","typ":"JWT"})";

}  // namespace bulkhead::jose::test
