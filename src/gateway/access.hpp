#pragma once

// From where somebody may come: the `from` of a gateway and of its routes. Both have to admit. Pure.

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

 private:
  struct Networks {
    std::vector<manifest::Network> allow, deny;

    bool admits(const Octets& client) const;
    static Result<Networks> of(const manifest::EdgeRules& rules);
  };

  Networks all_;
  std::vector<Networks> routes_;
};

}  // namespace bulkhead::gateway
