#pragma once

// HPACK's two tables of fields (RFC 7541 §2.3).

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::http::hpack {

inline constexpr std::size_t kTableSize = 4096;    // SETTINGS_HEADER_TABLE_SIZE until somebody says otherwise
inline constexpr std::size_t kEntryOverhead = 32;  // §4.1
inline constexpr std::size_t kStaticEntries = 61;

struct StaticField {
  std::string_view name, value;
};
extern const std::array<StaticField, kStaticEntries> kStaticTable;  // appendix A; index 1 stands at 0

// What a field is, found once for each entry of a table and once for each literal.
enum class Kind : std::uint8_t {
  regular,
  method,
  scheme,
  authority,
  path,
  protocol,
  status,
  host,
  content_length,
  expect,
  te,
  cookie,
  connection,  // names of HTTP/1's connections: malformed in HTTP/2 (RFC 9113 §8.2.2)
  invalid,     // a name or a value that no message may have (RFC 9113 §8.2.1), a pseudo-header that nobody knows
};
Kind kind_of(std::string_view name);
bool is_value(std::string_view value);  // RFC 9113 §8.2.1: no control bytes, no space at its ends

// The entries that the peer's fields added, newest first from index 0. Text lies in one buffer, which moves now and
// then: a view lives until the next insert().
class DynamicTable {
 public:
  struct Entry {
    std::uint64_t at = 0;  // of the text, counted from the connection's beginning
    std::uint32_t name_size = 0, value_size = 0;
    std::uint32_t hash = 0;  // the encoder's
    Kind kind = Kind::regular;
  };

  std::size_t count() const { return count_; }
  std::size_t capacity() const { return capacity_; }
  const Entry& entry(std::size_t index) const { return ring_[(inserted_ - 1 - index) & mask_]; }
  std::string_view name(const Entry& entry) const { return {text(entry), entry.name_size}; }
  std::string_view value(const Entry& entry) const { return {text(entry) + entry.name_size, entry.value_size}; }
  // How many were ever inserted: the newest one's serial number plus one.
  std::uint64_t inserted() const { return inserted_; }

  // What is larger than the table empties it (§4.4). Neither text may be a view into this table.
  void insert(std::string_view name, std::string_view value, Kind kind, std::uint32_t hash = 0);
  void set_capacity(std::size_t capacity);

 private:
  const char* text(const Entry& entry) const { return text_.data() + (entry.at - base_); }
  void evict_to(std::size_t size);
  void grow();

  std::size_t capacity_ = kTableSize;
  std::size_t size_ = 0;  // §4.1
  std::size_t count_ = 0;
  std::uint64_t inserted_ = 0;
  std::size_t mask_ = 0;
  std::vector<Entry> ring_;
  std::string text_;
  std::uint64_t base_ = 0;  // where text_ begins
};

}  // namespace bulkhead::http::hpack
