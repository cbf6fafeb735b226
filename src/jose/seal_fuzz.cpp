#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "jose/base64url.hpp"
#include "jose/jws.hpp"
#include "jose/seal.hpp"
#include "jose/signing_key.hpp"

namespace {

namespace jose = bulkhead::jose;

}  // namespace

// The first octet chooses a place; the others are what stands there instead, in the seals or as the whole token before
// them. A party accepts the text that was sealed, and no other, and only with its own seal.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const jose::KeySet none =
      *jose::KeySet::parse(jose::SigningKey::generate(jose::Algorithm::es256)->public_jwk());  // none that signed it
  static std::vector<jose::SealKey> all = [] {
    std::vector<jose::SealKey> made;
    for (const auto* name : {"a", "b", "c"})
      made.push_back(jose::SealKey::derive("the fuzzer's secret of 32 octets", name));
    return made;
  }();
  static const std::string token = jose::SealedStart("t", R"({"n")").finish(R"(:1})", all);
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto accepted = [&](const std::string& each) {
    return jose::open_jws(each, none, jose::kMaxToken, &all[1]).has_value();
  };
  if (!accepted(token)) std::abort();

  const std::size_t dot = token.rfind('.') + 1;
  const std::string seals = *jose::decode_base64url(std::string_view(token).substr(dot));
  std::string changed = seals;
  const std::size_t at = data[0] % (seals.size() + 1);
  changed.replace(at, std::min(seals.size() - at, text.size()), text);
  const std::string own = seals.substr(24, 24);
  const bool has_own = changed.size() % 24 == 0 && changed.find(own) != changed.npos;
  if (accepted(token.substr(0, dot) + jose::encode_base64url(changed)) && !has_own) std::abort();

  const std::string other = std::string(text) + token.substr(dot - 1);
  if (accepted(other) != (other == token)) std::abort();
  return 0;
}
