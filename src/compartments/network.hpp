#pragma once

// The compartment's network: loopback, on which every address is local, and a filter that lets through what is
// declared.

#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "compartments/spec.hpp"

namespace bulkhead::compartments {

// A socket of the compartment's network for the sidecar, with its name in net/instance_link.hpp. Non-blocking.
struct NamedFd {
  std::string name;
  Fd fd;
};

// In the new network namespace, with CAP_NET_ADMIN over it and the host's /proc still there. Loopback up, addresses,
// routes, rules, ports below 1024 free for everyone; then the sockets: doors, DNS, NFLOG.
Result<std::vector<NamedFd>> set_up_network(const std::vector<Door>& doors);

// A connection to the service from kMeshSource (net::VendRequest): the socket, or the errno.
struct VendOutcome {
  Fd socket;
  int error = 0;
};
VendOutcome connect_to_service(std::uint16_t port, int family_hint);
// One from 127.0.0.1 (or ::1), as the service's own processes have it: for whom an operator's role lets inside.
VendOutcome connect_over_loopback(std::uint16_t port);

// Where nft is, "" where it is not installed.
std::string nft_program();

// Runs nft on `ruleset`. Ours is one rule set per compartment and start: executing nft costs 4–8 ms
// (docs/decisions/0002).
Result<> load_ruleset(const std::string& ruleset);

}  // namespace bulkhead::compartments
