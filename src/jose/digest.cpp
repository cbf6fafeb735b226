// OpenSSL calls these functions deprecated: what it wants in their place looks its digest up, or allocates, for each
// text, and takes twice as long for one as short as ours.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "jose/digest.hpp"

#include <openssl/crypto.h>

namespace bulkhead::jose {
namespace {

void update(SHA256_CTX& context, std::string_view bytes) { SHA256_Update(&context, bytes.data(), bytes.size()); }

Digest finish(SHA256_CTX& context) {
  Digest digest;
  SHA256_Final(digest.data(), &context);
  return digest;
}

SHA256_CTX begin_with(const Digest& key, unsigned char pad) {
  std::array<unsigned char, SHA256_CBLOCK> block;
  block.fill(pad);
  for (std::size_t i = 0; i < key.size(); ++i) block[i] ^= key[i];
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, block.data(), block.size());
  OPENSSL_cleanse(block.data(), block.size());
  return context;
}

}  // namespace

Digest sha256(std::string_view bytes) { return HashedStart("")(bytes); }

HashedStart::HashedStart(std::string_view start) {
  SHA256_Init(&context_);
  update(context_, start);
}

Digest HashedStart::operator()(std::string_view rest) const {
  SHA256_CTX context = context_;
  update(context, rest);
  return finish(context);
}

Hmac::Hmac(const Digest& key) : inner_(begin_with(key, 0x36)), outer_(begin_with(key, 0x5c)) {}

Hmac::~Hmac() {
  OPENSSL_cleanse(&inner_, sizeof inner_);
  OPENSSL_cleanse(&outer_, sizeof outer_);
}

Digest Hmac::operator()(std::string_view label, std::string_view text) const {
  SHA256_CTX context = inner_;
  update(context, label);
  update(context, text);
  const Digest inner = finish(context);
  context = outer_;
  update(context, octets_of(inner));
  return finish(context);
}

}  // namespace bulkhead::jose
