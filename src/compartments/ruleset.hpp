#pragma once

// The packet filter of one compartment as nftables text. Pure.

#include <string>
#include <vector>

#include "base/result.hpp"
#include "compartments/spec.hpp"

namespace bulkhead::compartments {

// Where the transparent doors listen. Nothing that a service could bind to collides with it: an address of its own,
// which itself isn't reachable.
inline constexpr std::string_view kDoorAddress = "198.18.0.54";
inline constexpr std::string_view kDoorAddress6 = "fdb8:b8::54";
inline constexpr std::uint16_t kDoorPort = 1;
inline constexpr std::uint16_t kNflogGroup = 1;

// Cause::invalid for a door whose address isn't a numeric one. Every element is formatted from its parsed bytes, so
// that no text of the manifest's reaches nft.
Result<std::string> render_ruleset(const std::vector<Door>& doors);

}  // namespace bulkhead::compartments
