#include "contracts/wire.hpp"

namespace bulkhead::contracts {

// At most ten octets, of the tenth one bit.
bool Wire::long_varint(std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (at_ == end_) return false;
    const auto octet = static_cast<unsigned char>(*at_++);
    if (shift == 63 && octet > 1) return false;
    value |= static_cast<std::uint64_t>(octet & 0x7fU) << shift;
    if (octet < 0x80) return true;
  }
  return false;
}

bool Wire::fixed(std::uint64_t& value, int octets) {
  if (end_ - at_ < octets) return false;
  value = 0;
  for (int i = 0; i < octets; ++i)
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(at_[i])) << static_cast<unsigned>(8 * i);
  at_ += octets;
  return true;
}

// libprotobuf takes no more than five octets for a tag, and neither is more ever written.
bool Wire::tag(std::uint32_t& number, WireType& type) {
  const char* start = at_;
  std::uint64_t whole = 0;
  if (!varint(whole) || whole > 0xffffffffU || at_ - start > 5) return false;
  number = static_cast<std::uint32_t>(whole >> 3U);
  const auto low = static_cast<std::uint8_t>(whole & 7U);
  type = static_cast<WireType>(low);
  return number != 0 && low <= 5;
}

bool Wire::length(std::string_view& octets) {
  std::uint64_t size = 0;
  if (!varint(size) || size > static_cast<std::uint64_t>(end_ - at_)) return false;
  octets = {at_, static_cast<std::size_t>(size)};
  at_ += size;
  return true;
}

bool Wire::group(std::uint32_t number, std::string_view& inside, int depth) {
  const char* start = at_;
  while (true) {
    const char* before = at_;
    WireField each;
    if (!tag(each.number, each.type)) return false;
    if (each.type == WireType::end_group) {
      inside = {start, static_cast<std::size_t>(before - start)};
      return each.number == number;
    }
    if (!value(each, depth - 1)) return false;
  }
}

bool Wire::value(WireField& field, int depth) {
  switch (field.type) {
    case WireType::varint: return varint(field.value);
    case WireType::fixed64: return fixed64(field.value);
    case WireType::fixed32: return fixed32(field.value);
    case WireType::length: return length(field.text);
    case WireType::group: return depth > 0 && group(field.number, field.text, depth);
    case WireType::end_group: return false;
  }
  return false;
}

bool Wire::field(WireField& field, int depth) { return tag(field.number, field.type) && value(field, depth); }

}  // namespace bulkhead::contracts
