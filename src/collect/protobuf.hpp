#pragma once

// Protocol Buffers' wire format (https://protobuf.dev/programming-guides/encoding), read and written field by field.
// Pure; views are into the message.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

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

// Writes one message, in the order of the calls. Fields that have their default are for the caller to leave out.
class ProtobufWriter {
 public:
  void varint(std::uint32_t field, std::uint64_t value);
  void fixed64(std::uint32_t field, std::uint64_t value);
  void real(std::uint32_t field, double value);
  void bytes(std::uint32_t field, std::string_view value);
  // What is no UTF-8 is U+FFFD in it: receivers refuse a whole message for one such text.
  void text(std::uint32_t field, std::string_view value);
  void message(std::uint32_t field, const ProtobufWriter& message) { bytes(field, message.encoded()); }
  void packed_fixed64(std::uint32_t field, std::span<const std::uint64_t> values);
  void packed_real(std::uint32_t field, std::span<const double> values);

  const std::string& encoded() const { return out_; }
  std::string take() { return std::move(out_); }
  bool empty() const { return out_.empty(); }

 private:
  void put_varint(std::uint64_t value);
  void put_fixed(std::uint64_t value);
  std::string out_;
};

}  // namespace bulkhead::collect
