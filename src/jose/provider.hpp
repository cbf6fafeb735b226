#pragma once

// What an OpenID provider says of itself (OpenID Connect Discovery 1.0). Pure: fetching is the caller's.

#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace bulkhead::jose {

inline constexpr std::size_t kMaxMetadata = 256U << 10U;  // octets

// Where the metadata of `issuer` is (§4): an https URL without query or fragment.
Result<std::string> metadata_url(std::string_view issuer);

struct ProviderMetadata {
  std::string issuer;
  std::string jwks_uri;
};

// Reads the metadata that was fetched for `issuer`: its `issuer` must be that, byte by byte (§4.3), so that one
// provider can't speak for another. `jwks_uri` must be https and of one of `hosts` ("id.example", "id.example:8443"),
// which are those that the operator declared. Other members are not looked at.
Result<ProviderMetadata> read_metadata(std::string_view text, std::string_view issuer,
                                       std::span<const std::string> hosts);

}  // namespace bulkhead::jose
