#pragma once

// Whoever comes, as the rules of the edge know them: by the address at the other end of the connection. Pure.

#include <array>
#include <cstdint>

#include "manifest/edge_rules.hpp"
#include "net/address.hpp"

namespace bulkhead::gateway {

using Octets = manifest::Network::Octets;

// IPv4 as in RFC 4291 §2.5.5.2; all zero for what is no IP address.
Octets octets_of(const net::Address& address);

// One host: all of IPv4's address, the first 64 bits of IPv6's, as one host has those. No IPv6 prefix in use begins as
// an IPv4 address does here.
using Host = std::array<std::uint8_t, 8>;
Host host_of(const Octets& address);

}  // namespace bulkhead::gateway
