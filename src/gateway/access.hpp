#pragma once

// From where somebody may come: the `from` of a gateway and of its routes. Both have to admit. Pure.

#include <string>
#include <vector>

#include "gateway/client.hpp"
#include "proxy/snapshot.hpp"

namespace bulkhead::gateway {

class Access {
 public:
  // Cause::invalid names a network that can't be read; what was configured before stays.
  Result<> configure(const proxy::Gateway& gateway);

  bool admits(const Octets& client) const { return all_.admits(client); }  // somewhere
  // `route` is an index into the configured gateway's.
  bool admits(std::size_t route, const Octets& client) const { return admits(client) && routes_[route].admits(client); }
  // The `from` that would let in a client that was refused, "from: {allow: [10.0.0.0/8, ADDRESS]}", as no record names
  // a client's address; "" where two would have to change, or a `deny` would have to go.
  std::string remedy(std::size_t route, const Octets& client) const;

 private:
  struct Networks {
    std::vector<manifest::Network> allow, deny;
    std::string with_one_more;  // the line of which it was made, and an address that may come

    bool denies(const Octets& client) const;
    bool admits(const Octets& client) const;
    static Result<Networks> of(const manifest::EdgeRules& rules);
  };

  Networks all_;
  std::vector<Networks> routes_;
};

}  // namespace bulkhead::gateway
