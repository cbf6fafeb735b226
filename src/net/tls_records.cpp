#include "net/tls_records.hpp"

#include <algorithm>

#include <openssl/ssl.h>

namespace bulkhead::net {
namespace {

// AES-GCM seals 2^24.5 full records under one key safely (RFC 8446 §5.5).
constexpr std::uint64_t kRecordsOfAKey = std::uint64_t{1} << 23U;
// Records without data make work and say nothing; nobody needs more of them in a row.
constexpr unsigned kQuietRecords = 32;
constexpr std::uint32_t kLargestTicket = (1U << 17U);  // its two longest parts are of 2^16 octets each
constexpr std::uint8_t kNewSessionTicket = 4;
constexpr std::uint8_t kKeyUpdate = 24;

}  // namespace

bool is_about_certificate(int alert) {
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED: return true;
    default: return false;
  }
}

std::unexpected<Fault> TlsRecords::refuse(std::uint8_t alert, std::string_view why) {
  alert_ = alert;
  return fail(Cause::protocol, "TLS read: {}", why);
}

Result<std::size_t> TlsRecords::size_of(std::string_view bytes) {
  if (bytes.size() < kTlsHeader) return 0U;
  const auto octet = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
  const std::size_t size = static_cast<std::size_t>(octet(3)) << 8U | octet(4);
  // All records are of this kind now: what they are is inside (§5.2).
  if (octet(0) != static_cast<unsigned char>(TlsContent::application_data)) {
    return refuse(SSL_AD_UNEXPECTED_MESSAGE, fmt::format("a record of kind {} after the handshake", octet(0)));
  }
  if (size > kTlsCipherText) return refuse(SSL_AD_RECORD_OVERFLOW, fmt::format("a record of {} octets", size));
  if (size < 1 + kTlsTag) return refuse(SSL_AD_BAD_RECORD_MAC, fmt::format("a record of {} octets", size));
  return kTlsHeader + size;
}

Result<TlsRecords::Opened> TlsRecords::open(std::string_view record, char* out) {
  const auto opened = reads_.open(record, out);
  if (!opened) return refuse(SSL_AD_BAD_RECORD_MAC, "a record is not authentic");
  if (opened->size > kTlsPlain) return refuse(SSL_AD_RECORD_OVERFLOW, "a record has more than 16,384 octets");
  const bool is_data = opened->type == static_cast<std::uint8_t>(TlsContent::application_data);
  if (message_.header_size > 0 && opened->type != static_cast<std::uint8_t>(TlsContent::handshake)) {
    return refuse(SSL_AD_UNEXPECTED_MESSAGE, "a record between two parts of a handshake message");
  }
  if (is_data && opened->size > 0) {
    quiet_ = 0;
    return Opened{.kind = Kind::data, .size = opened->size};
  }
  if (++quiet_ > kQuietRecords) {
    return refuse(SSL_AD_UNEXPECTED_MESSAGE, fmt::format("more than {} records in a row without data", kQuietRecords));
  }
  if (is_data) return Opened{};
  const std::string_view content(out, opened->size);
  switch (opened->type) {
    case static_cast<std::uint8_t>(TlsContent::alert): return take_alert(content);
    case static_cast<std::uint8_t>(TlsContent::handshake): {
      const auto taken = take_messages(content);
      if (!taken) return fail(taken.error());
      return Opened{};
    }
    default: return refuse(SSL_AD_UNEXPECTED_MESSAGE, fmt::format("a record of content type {}", opened->type));
  }
}

Result<TlsRecords::Opened> TlsRecords::take_alert(std::string_view content) {
  if (content.empty()) return refuse(SSL_AD_UNEXPECTED_MESSAGE, "an empty alert");  // §5.4
  if (content.size() != 2) return refuse(SSL_AD_DECODE_ERROR, "an alert that is not of two octets");
  const auto description = static_cast<std::uint8_t>(content[1]);  // its level says nothing (§6)
  if (description == SSL_AD_CLOSE_NOTIFY) return Opened{.kind = Kind::end};
  if (description == SSL_AD_USER_CANCELLED) return Opened{};  // close_notify follows (§6.1)
  alert_ = 0;
  return fail(is_about_certificate(description) ? Cause::denied : Cause::protocol, "TLS read: the peer's alert: {}",
              SSL_alert_desc_string_long(description));
}

Result<> TlsRecords::take_messages(std::string_view content) {
  if (content.empty()) return refuse(SSL_AD_UNEXPECTED_MESSAGE, "an empty record of the handshake protocol");
  while (!content.empty()) {
    if (message_.header_size < message_.header.size()) {
      message_.header[message_.header_size++] = static_cast<unsigned char>(content.front());
      content.remove_prefix(1);
      if (message_.header_size < message_.header.size()) continue;
      if (const auto begun = begin_message(); !begun) return begun;
      continue;
    }
    if (message_.header[0] == kKeyUpdate) {
      return take_keys(static_cast<std::uint8_t>(content.front()), content.size() == 1);
    }
    const std::size_t part = std::min<std::size_t>(message_.left, content.size());
    content.remove_prefix(part);
    message_.left -= static_cast<std::uint32_t>(part);
    if (message_.left == 0) message_ = {};
  }
  return {};
}

Result<> TlsRecords::begin_message() {
  const auto& header = message_.header;
  message_.left =
      static_cast<std::uint32_t>(header[1]) << 16U | static_cast<std::uint32_t>(header[2]) << 8U | header[3];
  if (header[0] == kKeyUpdate) {
    if (message_.left != 1) return refuse(SSL_AD_DECODE_ERROR, "a key update that is not of one octet");
    return {};
  }
  if (header[0] != kNewSessionTicket || role_ != TlsRole::client) {
    return refuse(SSL_AD_UNEXPECTED_MESSAGE,
                  fmt::format("a handshake message of type {} after the handshake", header[0]));
  }
  if (message_.left == 0 || message_.left > kLargestTicket) {
    return refuse(SSL_AD_DECODE_ERROR, fmt::format("a ticket of {} octets", message_.left));
  }
  return {};
}

// Whatever follows is under the new keys, so that nothing may follow in the same record (§5.1).
Result<> TlsRecords::take_keys(std::uint8_t request, bool last) {
  if (request > 1) return refuse(SSL_AD_ILLEGAL_PARAMETER, fmt::format("a key update that requests {}", request));
  if (!last) return refuse(SSL_AD_UNEXPECTED_MESSAGE, "octets after a key update");
  message_ = {};
  if (request == 1) owes_keys_ = true;  // however often it asks: once is enough (§4.6.3)
  return reads_.update();
}

Result<std::size_t> TlsRecords::seal_keys(char* out) {
  static constexpr std::array<char, 5> kMessage = {static_cast<char>(kKeyUpdate), 0, 0, 1, 0};  // none wanted in return
  const std::string_view content(kMessage.data(), kMessage.size());
  const std::size_t size = writes_.seal(TlsContent::handshake, {&content, 1}, out);
  if (size == 0) return fail(Cause::internal, "TLS write: {}", openssl_error());
  owes_keys_ = false;
  if (const auto updated = writes_.update(); !updated) return fail(updated.error());
  return size;
}

Result<std::size_t> TlsRecords::seal_alert(std::uint8_t description, char* out) {
  static constexpr char kFatal = 2;
  const std::array<char, 2> alert = {description == SSL_AD_CLOSE_NOTIFY ? char{1} : kFatal,
                                     static_cast<char>(description)};
  const std::string_view content(alert.data(), alert.size());
  const std::size_t size = writes_.seal(TlsContent::alert, {&content, 1}, out);
  if (size == 0) return fail(Cause::internal, "TLS write: {}", openssl_error());
  return size;
}

Result<std::size_t> TlsRecords::seal(Pieces& pieces, char* out) {
  std::size_t size = 0;
  if (owes_keys_ || writes_.records() >= kRecordsOfAKey) {
    const auto keys = seal_keys(out);
    if (!keys) return keys;
    size = *keys;
  }
  static constexpr std::size_t kMost = 128;
  std::array<std::string_view, kMost> content;
  std::size_t count = 0;
  std::size_t taken = 0;
  std::size_t offset = pieces.offset;
  for (const iovec& piece : pieces.list) {
    if (count == kMost || taken == largest_) break;
    const std::size_t part = std::min(piece.iov_len - offset, largest_ - taken);
    content[count++] = {static_cast<const char*>(piece.iov_base) + offset, part};
    taken += part;
    offset = 0;
  }
  const std::size_t sealed = writes_.seal(TlsContent::application_data, {content.data(), count}, out + size);
  if (sealed == 0) return fail(Cause::internal, "TLS write: {}", openssl_error());
  pieces.advance(taken);
  return size + sealed;
}

}  // namespace bulkhead::net
