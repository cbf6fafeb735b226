#pragma once

// Header fields as a manifest writes them. Internal to this folder.

#include <string>
#include <string_view>

namespace bulkhead::manifest {

inline constexpr std::size_t kLongestFieldValue = 1024;

bool is_token(std::string_view text);  // RFC 9110 §5.6.2

// Printable ASCII with no blank at its ends, not empty: it is compared, and sent, as it is written.
bool is_plain_value(std::string_view text);

// Fields that end at the hop, or that are the platform's, by their lower-case name.
bool is_of_the_hop(std::string_view name);

std::string lower_case(std::string_view text);

}  // namespace bulkhead::manifest
