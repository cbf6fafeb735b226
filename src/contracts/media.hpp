#pragma once

// Media types of bodies: which of those that a contract declares one is.

#include <string>
#include <string_view>
#include <vector>

#include "contracts/program.hpp"

namespace bulkhead::contracts {

struct MediaType {
  std::string range;  // lower case: "application/json", "image/*", "*/*"
  Index shape = kNone;
};

// Type and subtype of a Content-Type's value (RFC 9110 §8.3.1), and its charset, "" without one; both in lower case.
// False where it is malformed.
bool media_type(std::string_view content_type, std::string& type, std::string& charset);
bool is_json_type(std::string_view type);

// The nearest of `declared` for a type: itself, then its range, then */*. Null where none fits.
const MediaType* select_media(const std::vector<MediaType>& declared, std::string_view type);

}  // namespace bulkhead::contracts
