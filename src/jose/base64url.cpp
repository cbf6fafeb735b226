#include "jose/base64url.hpp"

#include <array>
#include <cstdint>

namespace bulkhead::jose {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kNone = 0xff;

constexpr std::array<std::uint8_t, 256> kValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNone);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}();

std::uint32_t value_of(char character) { return kValues[static_cast<unsigned char>(character)]; }
std::uint32_t octet(char character) { return static_cast<unsigned char>(character); }

std::size_t decoded_size(std::string_view text) { return text.size() / 4 * 3 + text.size() % 4 * 3 / 4; }

// Two or three characters at the end.
bool decode_rest(std::string_view rest, char* out) {
  const std::uint32_t a = value_of(rest[0]);
  const std::uint32_t b = value_of(rest[1]);
  const std::uint32_t c = rest.size() == 3 ? value_of(rest[2]) : 0;
  if ((a | b | c) > 63) return false;
  const std::uint32_t bits = a << 18U | b << 12U | c << 6U;
  const std::uint32_t beyond = rest.size() == 3 ? 0xffU : 0xffffU;
  if ((bits & beyond) != 0) return false;
  out[0] = static_cast<char>(bits >> 16U);
  if (rest.size() == 3) out[1] = static_cast<char>(bits >> 8U);
  return true;
}

bool decode(std::string_view text, char* out) {
  for (; text.size() >= 4; text.remove_prefix(4)) {
    const std::uint32_t a = value_of(text[0]);
    const std::uint32_t b = value_of(text[1]);
    const std::uint32_t c = value_of(text[2]);
    const std::uint32_t d = value_of(text[3]);
    if ((a | b | c | d) > 63) return false;
    const std::uint32_t bits = a << 18U | b << 12U | c << 6U | d;
    *out++ = static_cast<char>(bits >> 16U);
    *out++ = static_cast<char>(bits >> 8U);
    *out++ = static_cast<char>(bits);
  }
  return text.empty() || decode_rest(text, out);
}

void encode(std::string_view bytes, char* out) {
  for (; bytes.size() >= 3; bytes.remove_prefix(3)) {
    const std::uint32_t bits = octet(bytes[0]) << 16U | octet(bytes[1]) << 8U | octet(bytes[2]);
    *out++ = kAlphabet[bits >> 18U];
    *out++ = kAlphabet[bits >> 12U & 63U];
    *out++ = kAlphabet[bits >> 6U & 63U];
    *out++ = kAlphabet[bits & 63U];
  }
  if (bytes.empty()) return;
  const std::uint32_t bits = octet(bytes[0]) << 16U | (bytes.size() == 2 ? octet(bytes[1]) << 8U : 0U);
  *out++ = kAlphabet[bits >> 18U];
  *out++ = kAlphabet[bits >> 12U & 63U];
  if (bytes.size() == 2) *out = kAlphabet[bits >> 6U & 63U];
}

}  // namespace

void append_base64url(std::string& text, std::string_view bytes) {
  const std::size_t before = text.size();
  const std::size_t size = before + encoded_size(bytes.size());
  text.resize_and_overwrite(size, [&](char* begin, std::size_t) {
    encode(bytes, begin + before);
    return size;
  });
}

std::string encode_base64url(std::string_view bytes) {
  std::string text;
  append_base64url(text, bytes);
  return text;
}

std::optional<std::size_t> decode_base64url(std::string_view text, std::span<char> into) {
  const std::size_t size = decoded_size(text);
  if (text.size() % 4 == 1 || size > into.size() || !decode(text, into.data())) return std::nullopt;
  return size;
}

std::optional<std::string> decode_base64url(std::string_view text) {
  std::string bytes(decoded_size(text), '\0');
  if (!decode_base64url(text, bytes)) return std::nullopt;
  return bytes;
}

}  // namespace bulkhead::jose
