#pragma once

// What is refused whatever calls and routes allow.

#include <optional>
#include <string>
#include <vector>

#include "manifest/pattern.hpp"
#include "manifest/position.hpp"
#include "manifest/when.hpp"

namespace bulkhead::manifest {

struct DenyRule {
  std::string id;                    // "deny.no-admin", or "deny[2]" where it has no name
  bool from_anybody = false;         // `from` is not written: the gateway, too
  bool from_gateway = false;         // besides `from`
  std::vector<std::string> from;     // services; groups are their members
  std::vector<std::string> to;       // services, at least one; groups are their members
  std::vector<Permission> requests;  // of the ports that speak their protocol; none: everything, also of tcp ports
  std::optional<When> when;          // only where `requests` are written, or no port of `to` is tcp
  Position position;
  bool operator==(const DenyRule&) const = default;
};

}  // namespace bulkhead::manifest
