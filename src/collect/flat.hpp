#pragma once

// Reads one JSON object (RFC 8259) whose members are strings, numbers, true, false and null, in order: the lines that
// sidecars and keepers write. Pure. A nested value is a mistake here, and so is whatever JSON is not; escapes of halves
// of characters become U+FFFD.

#include <cstdint>
#include <string>
#include <string_view>

namespace bulkhead::collect {

class FlatObject {
 public:
  // `text` must live as long as this and the views it gives.
  explicit FlatObject(std::string_view text);

  // The next member; false at the end, or where mistaken() is.
  bool next();
  bool mistaken() const { return mistaken_; }

  std::string_view key() const { return key_; }
  // "" where the value is no string.
  std::string_view text() const { return text_; }
  // 0 where the value is no number; fractions are cut off, what no int64 holds is its limit.
  std::int64_t number() const { return number_; }

 private:
  bool fail();
  void skip_space();
  bool read_string(std::string_view& value);
  bool read_escape();
  bool read_hex(std::uint32_t& unit);
  bool read_number();
  bool read_value();

  std::string_view rest_;
  std::string unescaped_;  // of all strings with escapes; never grows past what was reserved
  std::string_view key_;
  std::string_view text_;
  std::int64_t number_ = 0;
  bool first_ = true;
  bool done_ = false;
  bool mistaken_ = false;
};

}  // namespace bulkhead::collect
