#include "collect/protobuf.hpp"

#include <bit>

namespace bulkhead::collect {

bool ProtobufReader::read_varint(std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    const auto octet = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    value |= static_cast<std::uint64_t>(octet & 0x7FU) << shift;
    if (octet < 0x80) return true;
  }
  return false;
}

bool ProtobufReader::read_fixed(std::size_t size) {
  if (rest_.size() < size) return false;
  number_ = 0;
  for (std::size_t i = 0; i < size; ++i)
    number_ |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(rest_[i])) << (8 * i);
  rest_.remove_prefix(size);
  return true;
}

bool ProtobufReader::next() {
  if (rest_.empty() || malformed_) return false;
  number_ = 0;
  bytes_ = {};
  std::uint64_t tag = 0;
  bool whole = read_varint(tag) && tag >> 3U != 0 && tag >> 3U < (1U << 29U);
  field_ = static_cast<std::uint32_t>(tag >> 3U);
  if (whole) {
    switch (tag & 7U) {
      case 0: whole = read_varint(number_); break;
      case 1: whole = read_fixed(8); break;
      case 2: {
        std::uint64_t size = 0;
        whole = read_varint(size) && size <= rest_.size();
        if (!whole) break;
        bytes_ = rest_.substr(0, size);
        rest_.remove_prefix(size);
        break;
      }
      case 5: whole = read_fixed(4); break;
      default: whole = false;  // groups are nobody's any more
    }
  }
  malformed_ = !whole;
  return whole;
}

double ProtobufReader::real() const { return std::bit_cast<double>(number_); }

}  // namespace bulkhead::collect
