#pragma once

// The formats that a contract asserts. Any other is an annotation, and listed in the contract's notes.

#include <cstdint>
#include <optional>
#include <string_view>

namespace bulkhead::contracts {

enum class Format : std::uint8_t {
  none,
  date_time,  // RFC 3339 §5.6; a leap second is taken
  date,
  uuid,   // RFC 9562
  email,  // RFC 5321's mailbox with a plain local part and a host name
  ipv4,   // four decimal numbers without leading zeros
  ipv6,   // RFC 4291 §2.2, without zone
  uri,    // RFC 3986: with a scheme, of allowed characters
  byte,   // base64 (RFC 4648 §4) with padding
  int32,  // of numbers: a whole number in range
  int64,
};

std::optional<Format> format_named(std::string_view name);
std::string_view to_string(Format format);
bool is_number_format(Format format);

// For formats of strings.
bool matches(Format format, std::string_view text);

}  // namespace bulkhead::contracts
