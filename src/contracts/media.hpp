#pragma once

// Media types of bodies: which of those that a contract declares one is.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contracts/program.hpp"

namespace bulkhead::contracts {

struct MediaType {
  std::string range;  // lower case: "application/json", "image/*", "*/*"
  Index shape = kNone;
};

// Lower-case type and subtype of a Content-Type's value (RFC 9110 §8.3.1); nothing where it is malformed. `charset` is
// that parameter's value in lower case, "" without one.
std::optional<std::string> media_type(std::string_view content_type, std::string& charset);
bool is_json_type(std::string_view type);

// The nearest of `declared` for a type: itself, then its range, then */*. Null where none fits.
const MediaType* select_media(const std::vector<MediaType>& declared, std::string_view type);

}  // namespace bulkhead::contracts
