#include "collect/protobuf.hpp"

#include <bit>

#include "base/utf8.hpp"

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

namespace {

constexpr std::uint32_t kVarint = 0, kFixed64 = 1, kLength = 2;

constexpr std::uint64_t tag(std::uint32_t field, std::uint32_t type) {
  return static_cast<std::uint64_t>(field) << 3U | type;
}

}  // namespace

void ProtobufWriter::put_varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) out_.push_back(static_cast<char>(value | 0x80U));
  out_.push_back(static_cast<char>(value));
}

void ProtobufWriter::put_fixed(std::uint64_t value) {
  for (unsigned i = 0; i < 8; ++i) out_.push_back(static_cast<char>(value >> (8 * i)));
}

void ProtobufWriter::varint(std::uint32_t field, std::uint64_t value) {
  put_varint(tag(field, kVarint));
  put_varint(value);
}

void ProtobufWriter::fixed64(std::uint32_t field, std::uint64_t value) {
  put_varint(tag(field, kFixed64));
  put_fixed(value);
}

void ProtobufWriter::real(std::uint32_t field, double value) { fixed64(field, std::bit_cast<std::uint64_t>(value)); }

void ProtobufWriter::bytes(std::uint32_t field, std::string_view value) {
  put_varint(tag(field, kLength));
  put_varint(value.size());
  out_ += value;
}

void ProtobufWriter::text(std::uint32_t field, std::string_view value) {
  if (first_bad_byte(value) == std::string_view::npos) return bytes(field, value);
  bytes(field, valid_utf8(value));
}

void ProtobufWriter::packed_fixed64(std::uint32_t field, std::span<const std::uint64_t> values) {
  put_varint(tag(field, kLength));
  put_varint(values.size() * 8);
  for (const std::uint64_t value : values) put_fixed(value);
}

void ProtobufWriter::packed_real(std::uint32_t field, std::span<const double> values) {
  put_varint(tag(field, kLength));
  put_varint(values.size() * 8);
  for (const double value : values) put_fixed(std::bit_cast<std::uint64_t>(value));
}

}  // namespace bulkhead::collect
