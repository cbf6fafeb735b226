#pragma once

// Protocol Buffers' wire format (protobuf.dev, "Encoding"), read strictly and without a copy. Every function answers
// false where the bytes are no such thing; the reader is then of no further use.

#include <cstdint>
#include <string_view>

namespace bulkhead::contracts {

enum class WireType : std::uint8_t { varint, fixed64, length, group, end_group, fixed32 };

// One field. Of a length its octets, of a group what is in it; of all else the number, not yet taken for signed.
struct WireField {
  std::uint32_t number = 0;
  WireType type = WireType::varint;
  std::uint64_t value = 0;
  std::string_view text;
};

// The bytes outlive it.
class Wire {
 public:
  explicit Wire(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool done() const { return at_ == end_; }
  // Where it stands; octets from a place before to here are `text` of what was read.
  const char* at() const { return at_; }
  std::string_view rest() const { return {at_, static_cast<std::size_t>(end_ - at_)}; }

  // A field's number, 1 to 2^29 - 1, and how it is written.
  bool tag(std::uint32_t& number, WireType& type);
  bool varint(std::uint64_t& value) {
    if (at_ != end_ && static_cast<unsigned char>(*at_) < 0x80) {
      value = static_cast<unsigned char>(*at_++);
      return true;
    }
    return long_varint(value);
  }
  bool fixed32(std::uint64_t& value) { return fixed(value, 4); }
  bool fixed64(std::uint64_t& value) { return fixed(value, 8); }
  bool length(std::string_view& octets);
  // What follows a group's tag up to the tag that ends it, which is passed. No more than `depth` groups in each other.
  bool group(std::uint32_t number, std::string_view& inside, int depth);
  // Tag and value of whatever comes.
  bool field(WireField& field, int depth);
  // The value that follows such a tag.
  bool value(WireField& field, int depth);

 private:
  bool long_varint(std::uint64_t& value);
  bool fixed(std::uint64_t& value, int octets);

  const char* at_;
  const char* end_;
};

inline constexpr int kDeepestMessage = 64;  // messages and groups within each other

}  // namespace bulkhead::contracts
