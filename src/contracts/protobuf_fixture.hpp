#pragma once

// For tests and fuzz targets: messages written field by field, and the descriptor set that the build makes of
// tests/protobuf.

#include <bit>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace bulkhead::contracts {

inline std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7U) out += static_cast<char>((value & 0x7fU) | 0x80U);
  return out += static_cast<char>(value);
}
inline std::string tag(std::uint32_t number, std::uint32_t type) { return varint((number << 3U) | type); }
inline std::string number_field(std::uint32_t number, std::uint64_t value) { return tag(number, 0) + varint(value); }
inline std::string text_field(std::uint32_t number, std::string_view text) {
  return tag(number, 2) + varint(text.size()) + std::string(text);
}
inline std::string fixed_field(std::uint32_t number, std::uint64_t bits, int octets) {
  std::string out = tag(number, octets == 8 ? 1 : 5);
  for (int i = 0; i < octets; ++i) out += static_cast<char>(bits >> static_cast<unsigned>(8 * i));
  return out;
}
inline std::string double_field(std::uint32_t number, double value) {
  return fixed_field(number, std::bit_cast<std::uint64_t>(value), 8);
}
inline std::string group_field(std::uint32_t number, std::string_view inside) {
  return tag(number, 3) + std::string(inside) + tag(number, 4);
}

#ifdef BULKHEAD_DESCRIPTORS
inline std::string descriptors_of_tests() {
  std::ifstream file(BULKHEAD_DESCRIPTORS, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
#endif

}  // namespace bulkhead::contracts
