#include "net/tls_keys.hpp"

#include <algorithm>
#include <cstring>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/params.h>

#include "net/tls.hpp"

namespace bulkhead::net {
namespace {

struct Suite {
  const EVP_CIPHER* cipher;
  const EVP_MD* digest;
  std::size_t key;     // octets
  std::size_t secret;  // octets, as of the hash
};

// Fetched once for the process and never freed: asking by name costs more than a record.
const Suite& suite_of(TlsSuite suite) {
  static const auto fetch = [](const char* cipher, const char* digest, std::size_t key, std::size_t secret) {
    return Suite{EVP_CIPHER_fetch(nullptr, cipher, nullptr), EVP_MD_fetch(nullptr, digest, nullptr), key, secret};
  };
  static const Suite kAes128 = fetch("AES-128-GCM", "SHA256", 16, 32);
  static const Suite kAes256 = fetch("AES-256-GCM", "SHA384", 32, 48);
  static const Suite kChaCha = fetch("ChaCha20-Poly1305", "SHA256", 32, 32);
  switch (suite) {
    case TlsSuite::aes_256_gcm_sha384: return kAes256;
    case TlsSuite::chacha20_poly1305_sha256: return kChaCha;
    case TlsSuite::aes_128_gcm_sha256: break;
  }
  return kAes128;
}

// HKDF-Expand-Label without a context (RFC 8446 §7.1). What is asked for is never longer than the hash, so that
// HKDF-Expand is a single HMAC.
bool expand_label(const Suite& suite, const unsigned char* secret, std::string_view label,
                  std::span<unsigned char> out) {
  static constexpr std::string_view kPrefix = "tls13 ";
  std::array<unsigned char, 32> info{};
  std::size_t size = 0;
  info[size++] = 0;
  info[size++] = static_cast<unsigned char>(out.size());
  info[size++] = static_cast<unsigned char>(kPrefix.size() + label.size());
  std::memcpy(info.data() + size, kPrefix.data(), kPrefix.size());
  size += kPrefix.size();
  std::memcpy(info.data() + size, label.data(), label.size());
  size += label.size();
  info[size++] = 0;  // no context
  info[size++] = 1;  // HKDF's first block
  std::array<unsigned char, EVP_MAX_MD_SIZE> block{};
  unsigned block_size = 0;
  const bool made = HMAC(suite.digest, secret, static_cast<int>(suite.secret), info.data(), size, block.data(),
                         &block_size) != nullptr &&
                    block_size >= out.size();
  if (made) std::copy_n(block.begin(), out.size(), out.begin());
  OPENSSL_cleanse(block.data(), block.size());
  return made;
}

}  // namespace

std::optional<TlsSuite> tls_suite(std::uint16_t number) {
  switch (number) {
    case static_cast<std::uint16_t>(TlsSuite::aes_128_gcm_sha256): return TlsSuite::aes_128_gcm_sha256;
    case static_cast<std::uint16_t>(TlsSuite::aes_256_gcm_sha384): return TlsSuite::aes_256_gcm_sha384;
    case static_cast<std::uint16_t>(TlsSuite::chacha20_poly1305_sha256): return TlsSuite::chacha20_poly1305_sha256;
    default: return std::nullopt;
  }
}

TlsKeys::~TlsKeys() {
  OPENSSL_cleanse(secret_.data(), secret_.size());
  OPENSSL_cleanse(iv_.data(), iv_.size());
}

Result<TlsKeys> TlsKeys::make(Use use, TlsSuite suite, std::span<const unsigned char> secret, std::uint64_t records) {
  if (secret.size() != suite_of(suite).secret) {
    return fail(Cause::internal, "TLS: a secret of {} octets, not {}", secret.size(), suite_of(suite).secret);
  }
  TlsKeys keys(use, suite);
  std::ranges::copy(secret, keys.secret_.begin());
  if (const auto derived = keys.derive(); !derived) return fail(derived.error());
  keys.records_ = records;
  return keys;
}

Result<> TlsKeys::derive() {
  const Suite& suite = suite_of(suite_);
  std::array<unsigned char, 32> key{};
  if (!context_) context_.reset(EVP_CIPHER_CTX_new());
  const bool made =
      context_ && expand_label(suite, secret_.data(), "key", std::span(key).first(suite.key)) &&
      expand_label(suite, secret_.data(), "iv", iv_) &&
      EVP_CipherInit_ex2(context_.get(), suite.cipher, key.data(), iv_.data(), use_ == Use::seal ? 1 : 0, nullptr) == 1;
  OPENSSL_cleanse(key.data(), key.size());
  records_ = 0;
  if (!made) return fail(Cause::internal, "TLS: derive keys: {}", openssl_error());
  return {};
}

Result<> TlsKeys::update() {
  std::array<unsigned char, kLargestSecret> next{};
  const Suite& suite = suite_of(suite_);
  const bool made = expand_label(suite, secret_.data(), "traffic upd", std::span(next).first(suite.secret));
  if (made) secret_ = next;
  OPENSSL_cleanse(next.data(), next.size());
  if (!made) return fail(Cause::internal, "TLS: derive the next secret: {}", openssl_error());
  return derive();
}

bool TlsKeys::start(std::string_view header) {
  std::array<unsigned char, kNonce> nonce = iv_;
  for (std::size_t i = 0; i < sizeof records_; ++i) {
    nonce[kNonce - 1 - i] ^= static_cast<unsigned char>(records_ >> (8 * i));
  }
  ++records_;
  int size = 0;
  return EVP_CipherInit_ex2(context_.get(), nullptr, nullptr, nonce.data(), -1, nullptr) == 1 &&
         EVP_CipherUpdate(context_.get(), nullptr, &size, reinterpret_cast<const unsigned char*>(header.data()),
                          static_cast<int>(header.size())) == 1;
}

std::size_t TlsKeys::seal(TlsContent type, std::span<const std::string_view> content, char* out) {
  // Pieces below this are gathered: a call of OpenSSL costs more than to copy them.
  static constexpr std::size_t kLarge = 1024;
  std::array<char, 4 * kLarge> gathered;
  std::size_t size = 1 + kTlsTag;
  for (const std::string_view piece : content) size += piece.size();
  out[0] = static_cast<char>(TlsContent::application_data);
  out[1] = 3;
  out[2] = 3;
  out[3] = static_cast<char>(size >> 8U);
  out[4] = static_cast<char>(size);
  if (!start({out, kTlsHeader})) return 0;

  auto* to = reinterpret_cast<unsigned char*>(out) + kTlsHeader;
  const auto encrypt = [&](const char* from, std::size_t count) {
    int written = 0;
    if (EVP_CipherUpdate(context_.get(), to, &written, reinterpret_cast<const unsigned char*>(from),
                         static_cast<int>(count)) != 1) {
      return false;
    }
    to += written;
    return true;
  };
  std::size_t held = 0;
  for (const std::string_view piece : content) {
    if (held > 0 && held + piece.size() >= gathered.size()) {
      if (!encrypt(gathered.data(), held)) return 0;
      held = 0;
    }
    if (piece.size() < kLarge) {
      std::ranges::copy(piece, gathered.data() + held);
      held += piece.size();
      continue;
    }
    if (held > 0 && !encrypt(gathered.data(), held)) return 0;
    held = 0;
    if (!encrypt(piece.data(), piece.size())) return 0;
  }
  gathered[held++] = static_cast<char>(type);
  if (!encrypt(gathered.data(), held)) return 0;
  int none = 0;
  if (EVP_CipherFinal_ex(context_.get(), to, &none) != 1) return 0;
  std::array<OSSL_PARAM, 2> tag = {OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, to, kTlsTag),
                                   OSSL_PARAM_construct_end()};
  if (EVP_CIPHER_CTX_get_params(context_.get(), tag.data()) != 1) return 0;
  return kTlsHeader + size;
}

std::optional<TlsKeys::Opened> TlsKeys::open(std::string_view record, char* out) {
  if (record.size() < kTlsHeader + 1 + kTlsTag) return std::nullopt;
  const std::string_view sealed = record.substr(kTlsHeader);
  const std::size_t inner = sealed.size() - kTlsTag;  // content, its type, padding
  auto* tag = const_cast<char*>(sealed.data() + inner);
  std::array<OSSL_PARAM, 2> params = {OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, kTlsTag),
                                      OSSL_PARAM_construct_end()};
  const auto* from = reinterpret_cast<const unsigned char*>(sealed.data());
  unsigned char last = 0;
  int count = 0;
  const bool authentic = start(record.substr(0, kTlsHeader)) &&
                         (inner == 1 || EVP_CipherUpdate(context_.get(), reinterpret_cast<unsigned char*>(out), &count,
                                                         from, static_cast<int>(inner - 1)) == 1) &&
                         EVP_CipherUpdate(context_.get(), &last, &count, from + inner - 1, 1) == 1 &&
                         EVP_CIPHER_CTX_set_params(context_.get(), params.data()) == 1 &&
                         EVP_CipherFinal_ex(context_.get(), &last, &count) == 1;
  if (!authentic) {
    OPENSSL_cleanse(out, inner - 1);
    return std::nullopt;
  }
  Opened opened{.type = last, .size = inner - 1};
  while (opened.type == 0 && opened.size > 0) opened.type = static_cast<std::uint8_t>(out[--opened.size]);
  return opened;
}

}  // namespace bulkhead::net
