#include "jose/jws.hpp"

#include <array>

#include "base/json_tape.hpp"
#include "jose/base64url.hpp"

namespace bulkhead::jose {
namespace {

using tape::Json;
using tape::Kind;

constexpr std::size_t kHeaderDepth = 8;
constexpr std::size_t kMaxSignature = 1024;  // octets: RSA of 8192 bits

// Each would have the token say how it is to be verified.
constexpr std::array kRefused{"crit", "b64", "jwk", "jku", "x5u"};

struct Parts {
  std::string_view header, payload, signature;
  std::string_view signed_text;  // header, dot and payload
};

std::optional<Parts> split(std::string_view token) {
  const std::size_t first = token.find('.');
  if (first == token.npos) return std::nullopt;
  const std::size_t second = token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos) return std::nullopt;
  return Parts{token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1),
               token.substr(0, second)};
}

struct Header {
  std::string algorithm;
  std::optional<std::string> key_id, type;
};

TokenResult<std::optional<std::string>> header_text(const Json& header, std::string_view name) {
  const auto member = header.member(0, name);
  if (!member) return std::optional<std::string>();
  if (header[*member].kind != Kind::string) {
    return refuse(TokenCause::malformed, "the header's {} is not a string", name);
  }
  return std::string(header.text(*member));
}

TokenResult<Header> read_header(std::string_view part) {
  const auto text = decode_base64url(part);
  if (!text) return refuse(TokenCause::malformed, "the header is not base64url without padding");
  static thread_local Json header;  // it holds its memory, which is bounded as a token is
  if (header.read(*text, kHeaderDepth) || header[0].kind != Kind::object) {
    return refuse(TokenCause::malformed, "the header is not a JSON object with each member once");
  }
  for (const char* name : kRefused) {
    if (header.member(0, name)) return refuse(TokenCause::header, "the header has {}, which is refused", name);
  }
  auto algorithm = header_text(header, "alg");
  auto key_id = header_text(header, "kid");
  auto type = header_text(header, "typ");
  if (!algorithm) return std::unexpected(algorithm.error());
  if (!key_id) return std::unexpected(key_id.error());
  if (!type) return std::unexpected(type.error());
  if (!*algorithm) return refuse(TokenCause::malformed, "the header has no alg");
  return Header{std::move(**algorithm), std::move(*key_id), std::move(*type)};
}

struct Signed {
  std::string_view text;
  std::string_view signature;
};

// Candidates are the keys of this id; whether there is one and whether one is of the algorithm tell the failures apart.
template <class Verify>
TokenResult<const Key*> verify_by_id(const std::string& id, Algorithm algorithm, const KeySet& keys,
                                     const Verify& verify) {
  bool known = false;
  bool fits = false;
  for (const Key& key : keys.keys()) {
    if (key.id() != id) continue;
    known = true;
    if (key.algorithm() != algorithm) continue;
    fits = true;
    if (verify(key)) return &key;
  }
  if (!known) return refuse(TokenCause::unknown_key, "the token's kid is of no key that is known");
  if (!fits) return refuse(TokenCause::algorithm, "the token's alg is not that of its key");
  return refuse(TokenCause::signature, "the signature is not right");
}

TokenResult<const Key*> verify_by_algorithm(const Signed& it, Algorithm algorithm, const KeySet& keys) {
  const Key* only = nullptr;
  for (const Key& key : keys.keys()) {
    if (key.algorithm() != algorithm) continue;
    if (only != nullptr) {
      return refuse(TokenCause::ambiguous_key, "the token has no kid, and several keys are of its alg");
    }
    only = &key;
  }
  if (only == nullptr) return refuse(TokenCause::algorithm, "the token's alg is of no key that is known");
  if (!only->verify(it.text, it.signature)) return refuse(TokenCause::signature, "the signature is not right");
  return only;
}

}  // namespace

TokenResult<Jws> open_jws(std::string_view token, const KeySet& keys, std::size_t max_size, const SealKey* seal) {
  if (token.size() > max_size) return refuse(TokenCause::too_large, "the token has more than {} octets", max_size);
  const auto parts = split(token);
  if (!parts) return refuse(TokenCause::malformed, "the token has not exactly three parts with dots between them");
  auto header = read_header(parts->header);
  if (!header) return std::unexpected(header.error());
  const bool sealed = seal != nullptr && header->algorithm == kSealAlgorithm && !header->key_id;
  const auto algorithm = parse_algorithm(header->algorithm);
  if (!sealed && !algorithm) return refuse(TokenCause::algorithm, "the token's alg is none that is accepted");

  std::array<char, kMaxSignature> signature;
  const auto size = decode_base64url(parts->signature, signature);
  if (!size) return refuse(TokenCause::malformed, "the signature is not base64url without padding, or too long");
  const Signed it{parts->signed_text, {signature.data(), *size}};
  const Key* by = nullptr;
  if (sealed) {
    if (!seal->verify(it.text, it.signature)) return refuse(TokenCause::signature, "it is not sealed for this service");
  } else {
    const auto is_signed_by = [&](const Key& key) { return key.verify(it.text, it.signature); };
    const auto key = header->key_id ? verify_by_id(*header->key_id, *algorithm, keys, is_signed_by)
                                    : verify_by_algorithm(it, *algorithm, keys);
    if (!key) return std::unexpected(key.error());
    by = *key;
  }
  auto payload = decode_base64url(parts->payload);
  if (!payload) return refuse(TokenCause::malformed, "the payload is not base64url without padding");
  return Jws{std::move(header->type), std::move(*payload), by};
}

}  // namespace bulkhead::jose
