#pragma once

#include "proxy/snapshot.hpp"

namespace bulkhead::proxy {

// Whether the parts of a snapshot fit each other: indices point at something, addresses and identities are well formed,
// no two doors or names collide, and every edge is about the one it stands with. Cause::invalid names the place.
Result<> check_snapshot(const Snapshot& snapshot);

// The part of it that is about resilience and concurrency: statuses, shares and times are such as a manifest can say,
// header fields are well formed, and what a split or fallback leads to is an upstream of the same protocol.
Result<> check_resilience(const Snapshot& snapshot);

// The address of an endpoint: "unix:/path" or "tcp:HOST:PORT", in the form that net::Address::parse takes.
std::string_view endpoint_address(std::string_view address);

}  // namespace bulkhead::proxy
