#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <openssl/evp.h>

#include "base/result.hpp"

namespace bulkhead::net {

// The cipher suites of TLS 1.3 that we offer, by their numbers (RFC 8446 §B.4).
enum class TlsSuite : std::uint16_t {
  aes_128_gcm_sha256 = 0x1301,
  aes_256_gcm_sha384 = 0x1302,
  chacha20_poly1305_sha256 = 0x1303,
};
std::optional<TlsSuite> tls_suite(std::uint16_t number);

// One kind of content of a record (RFC 8446 §5.1).
enum class TlsContent : std::uint8_t { change_cipher_spec = 20, alert = 21, handshake = 22, application_data = 23 };

constexpr std::size_t kTlsHeader = 5;
constexpr std::size_t kTlsTag = 16;
constexpr std::size_t kTlsPlain = std::size_t{1} << 14U;                            // octets of content in a record
constexpr std::size_t kTlsSealed = kTlsHeader + kTlsPlain + 1 + kTlsTag;            // the largest that we send
constexpr std::size_t kTlsCipherText = (std::size_t{1} << 14U) + std::size_t{256};  // the largest that a peer may send

// The keys of one direction of a TLS 1.3 connection: they follow from a traffic secret (RFC 8446 §7.3), and each record
// has a nonce of its own by its number (§5.3). Forgets the secret safely. For one thread.
class TlsKeys {
 public:
  enum class Use : std::uint8_t { seal, open };
  // `records` went under this secret already. Fails when OpenSSL does, or the secret is not as long as the suite's
  // hash.
  static Result<TlsKeys> make(Use use, TlsSuite suite, std::span<const unsigned char> secret, std::uint64_t records);
  TlsKeys(TlsKeys&&) noexcept = default;
  TlsKeys& operator=(TlsKeys&&) noexcept = default;
  ~TlsKeys();

  // The next secret in place of this one (§7.2); records are counted from 0 again.
  Result<> update();
  // Under this secret.
  std::uint64_t records() const { return records_; }

  // Seals one record. `content` is gathered, at most kTlsPlain octets; `out` has room for kTlsHeader + content + 1 +
  // kTlsTag. Octets written; 0 when OpenSSL fails, and the keys are good for nothing then.
  std::size_t seal(TlsContent type, std::span<const std::string_view> content, char* out);

  struct Opened {
    std::uint8_t type = 0;  // 0: it holds nothing but padding, which no record may (§5.4)
    std::size_t size = 0;   // of the content
  };
  // Opens one whole record (header included) into `out`, which has room for its length less header, tag and one.
  // Nothing: it is too short, or not authentic; `out` is wiped then.
  std::optional<Opened> open(std::string_view record, char* out);

 private:
  struct Free {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };
  TlsKeys(Use use, TlsSuite suite) : use_(use), suite_(suite) {}
  Result<> derive();
  bool start(std::string_view header);

  static constexpr std::size_t kNonce = 12;
  static constexpr std::size_t kLargestSecret = 48;

  std::unique_ptr<EVP_CIPHER_CTX, Free> context_;
  std::uint64_t records_ = 0;
  std::array<unsigned char, kLargestSecret> secret_{};
  std::array<unsigned char, kNonce> iv_{};
  Use use_;
  TlsSuite suite_;
};

}  // namespace bulkhead::net
