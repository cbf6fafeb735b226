#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "jose/base64url.hpp"
#include "jose/jws.hpp"
#include "jose/signing_key.hpp"

namespace {

namespace jose = bulkhead::jose;

const jose::SigningKey& key() {
  static const jose::SigningKey key = *jose::SigningKey::generate(jose::Algorithm::es256);
  return key;
}

}  // namespace

// The first two octets choose a tree, a token of it and a place; the others are what stands there instead. Only the
// token as it was is accepted, by whom has verified all of the tree as well.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const jose::KeySet keys = *jose::KeySet::parse(key().public_jwk());
  static const std::vector<std::string> tokens = [] {
    std::vector<std::string> payloads;
    for (int i = 0; i < 11; ++i) payloads.push_back(jose::encode_base64url("{\"n\":" + std::to_string(i) + "}"));
    return *key().sign_together("t", payloads);
  }();
  static jose::SignedTrees trees;
  if (size < 2) return 0;
  const std::string& token = tokens[data[0] % tokens.size()];
  if (!jose::open_jws(token, keys, jose::kMaxToken, &trees)) std::abort();
  const std::string_view text(reinterpret_cast<const char*>(data + 2), size - 2);

  const std::size_t dot = token.rfind('.') + 1;
  std::string signature = *jose::decode_base64url(std::string_view(token).substr(dot));
  const std::size_t at = data[1] % (signature.size() + 1);
  signature.replace(at, std::min(signature.size() - at, text.size()), text);
  const std::string changed = token.substr(0, dot) + jose::encode_base64url(signature);
  if (jose::open_jws(changed, keys, jose::kMaxToken, &trees).has_value() != (changed == token)) std::abort();

  const std::string other = std::string(text) + token.substr(dot - 1);
  if (jose::open_jws(other, keys, jose::kMaxToken, &trees).has_value() != (other == token)) std::abort();
  return 0;
}
