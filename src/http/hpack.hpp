#pragma once

// HPACK (RFC 7541): the compression of HTTP/2's field blocks. A decoder and an encoder keep state for one direction of
// one connection; every block must pass through them, in order.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/hpack_table.hpp"

namespace bulkhead::http::hpack {

struct DecodedField {
  std::string_view name, value;  // until the decoder's next call, and no longer than the block
  Kind kind = Kind::regular;     // `invalid` must be refused: the decoder passes whatever the peer wrote
};

class Decoder {
 public:
  enum class Outcome : std::uint8_t { field, end, error };

  // `capacity` is what our SETTINGS_HEADER_TABLE_SIZE allows the peer.
  explicit Decoder(std::size_t capacity = kTableSize) : allowed_(capacity) { table_.set_capacity(capacity); }

  // A block, whole; then next() until it says end. An error (§5.1, §5.2, §6) ends the connection with
  // COMPRESSION_ERROR.
  void begin(std::string_view block);
  Outcome next(DecodedField& field);
  const DynamicTable& table() const { return table_; }

 private:
  bool read_integer(unsigned prefix, std::uint32_t& value);
  bool read_string(std::string& scratch, std::string_view& text);
  Outcome take_indexed(DecodedField& field);
  Outcome take_literal(unsigned prefix, bool insert, DecodedField& field);
  bool take_size_update();

  std::size_t allowed_;
  DynamicTable table_;
  std::string_view block_;
  bool begun_ = false;  // a field of this block was read: no more changes of the table's size (§4.2)
  std::string name_, value_;
};

// How a value may be remembered by the peer's table, and by intermediaries' (§7.1.3).
enum class Indexing : std::uint8_t { add, without, never };

class Encoder {
 public:
  // The peer's SETTINGS_HEADER_TABLE_SIZE; we use no more than kTableSize of it. The next block says so.
  void set_allowed(std::uint32_t size);
  // Before the fields of each block.
  void begin(std::string& out);
  // `name` is in lower case.
  void encode(std::string_view name, std::string_view value, Indexing indexing, std::string& out);
  const DynamicTable& table() const { return table_; }

 private:
  std::size_t find(std::string_view name, std::string_view value, std::uint32_t hash) const;  // an index, 0: none
  void remember(std::uint32_t hash);

  static constexpr std::size_t kBuckets = 128;
  DynamicTable table_;
  std::vector<std::uint32_t> newest_;  // by hash, the serial number plus one of the entry that was last inserted
  std::size_t smallest_ = kTableSize;  // since the last block
  bool resized_ = false;
};

}  // namespace bulkhead::http::hpack
