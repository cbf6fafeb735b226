#pragma once

// Protocol Buffers' wire format (https://protobuf.dev/programming-guides/encoding), read field by field. Pure; views
// are into the message.

#include <cstdint>
#include <string_view>

namespace bulkhead::collect {

class ProtobufReader {
 public:
  explicit ProtobufReader(std::string_view message) : rest_(message) {}

  // The next field; false at the end, or where malformed() is.
  bool next();
  bool malformed() const { return malformed_; }

  std::uint32_t field() const { return field_; }
  // Of a varint or a fixed one; else 0.
  std::uint64_t number() const { return number_; }
  std::int64_t signed_number() const { return static_cast<std::int64_t>(number_); }
  double real() const;
  // Of a length-delimited one: bytes, text or a message; else "".
  std::string_view bytes() const { return bytes_; }

 private:
  bool read_varint(std::uint64_t& value);
  bool read_fixed(std::size_t size);

  std::string_view rest_;
  std::uint32_t field_ = 0;
  std::uint64_t number_ = 0;
  std::string_view bytes_;
  bool malformed_ = false;
};

}  // namespace bulkhead::collect
