#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/units.hpp"

namespace bulkhead::manifest {

// A peer that an environment value seems to name.
struct PeerAddress {
  std::string host;
  std::optional<Port> port;
  bool is_localhost = false;  // localhost or 127.x.x.x; `port` is set
};

// The addresses in a value: "host:port", "scheme://user@host:port/path", several of them separated by commas or blanks;
// and a host alone where the variable's name speaks of one (DB_HOST, PAYMENTS_ADDR, CART_SERVICE).
std::vector<PeerAddress> addresses_in(std::string_view name, std::string_view value);

}  // namespace bulkhead::manifest
