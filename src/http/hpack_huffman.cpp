#include "http/hpack_huffman.hpp"

#include <array>
#include <cstdint>

namespace bulkhead::http::hpack {
namespace {

constexpr std::size_t kSymbols = 257;  // the octets and EOS
constexpr std::size_t kEos = 256;
constexpr unsigned kLongest = 30;

// Appendix B. The code is canonical: codes of one length follow each other in the order of their symbols, and those of
// the next length begin behind them. So the lengths say all of it.
constexpr std::array<std::uint8_t, kSymbols> kLengths{
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6,  10, 10, 12, 13, 6,  8,  11, 10, 10, 8,  11, 8,  6,  6,  6,  5,  5,  5,  6,  6,  6,  6,  6,  6,  6,
    7,  8,  15, 6,  12, 10, 13, 6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,
    7,  8,  7,  8,  13, 19, 13, 14, 6,  15, 5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,  6,  7,  6,  5,
    5,  6,  7,  7,  7,  7,  7,  15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24,
    24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22,
    23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26,
    27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23,
    22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30};

struct Code {
  std::array<std::uint32_t, kSymbols> of{};          // right-aligned
  std::array<std::uint16_t, kSymbols> by_code{};     // the symbols in the order of their codes
  std::array<std::uint32_t, kLongest + 1> first{};   // of each length, the first code
  std::array<std::uint16_t, kLongest + 1> place{};   // and where its symbol stands in by_code
  std::array<std::uint64_t, kLongest + 1> beyond{};  // the first 32 bits that a code of this length can't begin with
};

constexpr Code make_code() {
  Code code;
  std::uint32_t next = 0;
  std::uint16_t place = 0;
  for (unsigned length = 1; length <= kLongest; ++length) {
    next <<= 1U;
    code.first[length] = next;
    code.place[length] = place;
    for (std::size_t symbol = 0; symbol < kSymbols; ++symbol) {
      if (kLengths[symbol] != length) continue;
      code.of[symbol] = next++;
      code.by_code[place++] = static_cast<std::uint16_t>(symbol);
    }
    code.beyond[length] = static_cast<std::uint64_t>(next) << (32U - length);
  }
  return code;
}
constexpr Code kCode = make_code();
static_assert(kCode.of[kEos] == 0x3fffffff && kCode.beyond[kLongest] == 1ULL << 32U, "the code is complete");

// Codes of up to eight bits by their first octet; length 0 for those that are longer.
struct Short {
  std::uint8_t symbol = 0, length = 0;
};
constexpr unsigned kShort = 8;
constexpr std::array<Short, 256> make_short() {
  std::array<Short, 256> table{};
  for (std::size_t symbol = 0; symbol < kEos; ++symbol) {
    const unsigned length = kLengths[symbol];
    if (length > kShort) continue;
    const std::uint32_t begin = kCode.of[symbol] << (kShort - length);
    for (std::uint32_t i = 0; i < 1U << (kShort - length); ++i) {
      table[begin + i] = {static_cast<std::uint8_t>(symbol), static_cast<std::uint8_t>(length)};
    }
  }
  return table;
}
constexpr std::array<Short, 256> kShortCodes = make_short();

unsigned long_length(std::uint32_t bits) {
  unsigned length = kShort + 1;
  while (bits >= kCode.beyond[length]) ++length;
  return length;
}

}  // namespace

std::size_t huffman_size(std::string_view text) {
  std::size_t bits = 0;
  for (const char c : text) bits += kLengths[static_cast<unsigned char>(c)];
  return (bits + 7) / 8;
}

void huffman_encode(std::string_view text, std::string& out) {
  std::uint64_t bits = 0;
  unsigned have = 0;
  for (const char c : text) {
    const auto symbol = static_cast<unsigned char>(c);
    bits = bits << kLengths[symbol] | kCode.of[symbol];
    have += kLengths[symbol];
    for (; have >= 8; have -= 8) out += static_cast<char>(bits >> (have - 8));
  }
  if (have > 0) out += static_cast<char>(bits << (8 - have) | 0xffU >> have);
}

bool huffman_decode(std::string_view bytes, std::string& out) {
  std::uint64_t bits = 0;  // left-aligned; behind the `have` bits are zeros
  unsigned have = 0;
  while (true) {
    for (; have <= 56 && !bytes.empty(); have += 8) {
      bits |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes.front())) << (56 - have);
      bytes.remove_prefix(1);
    }
    const Short code = kShortCodes[bits >> 56U];
    if (code.length != 0) {
      if (code.length > have) break;
      out += static_cast<char>(code.symbol);
      bits <<= code.length;
      have -= code.length;
      continue;
    }
    const auto begin = static_cast<std::uint32_t>(bits >> 32U);
    const unsigned length = long_length(begin);
    if (length > have) break;
    const std::uint32_t offset = (begin >> (32U - length)) - kCode.first[length];
    const std::uint16_t symbol = kCode.by_code[kCode.place[length] + offset];
    if (symbol == kEos) return false;
    out += static_cast<char>(symbol);
    bits <<= length;
    have -= length;
  }
  return have < 8 && (have == 0 || bits >> (64 - have) == (1ULL << have) - 1);
}

}  // namespace bulkhead::http::hpack
