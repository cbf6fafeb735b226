#pragma once

// URI references, as identifiers of schemas: resolved against a base, never fetched.

#include <string>
#include <string_view>

namespace bulkhead::contracts {

// `reference` against an absolute `base` (RFC 3986 §5.2); the fragment stays.
std::string resolve_uri(std::string_view base, std::string_view reference);

// In front of and behind the first '#'.
std::string_view without_fragment(std::string_view uri);
std::string_view fragment_of(std::string_view uri);

// Percent-decoded; false where an escape is incomplete or the result holds NUL.
bool decode_percent(std::string_view text, bool plus_is_space, std::string& out);

}  // namespace bulkhead::contracts
