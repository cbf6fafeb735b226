#pragma once

// What is being served now. A new configuration is held against each of them, so that a call that is no longer allowed
// ends at once, also in the middle of a stream. Loop's thread only.

#include <cstddef>
#include <functional>

#include "net/list.hpp"
#include "proxy/config.hpp"

namespace bulkhead::proxy {

class Flights;

// Lives on the frame of whoever serves; leaves by itself.
class Flight : public net::Link {
 public:
  std::function<bool(const Config&)> still_allowed;
  std::function<void()> revoke;  // ends it soon; must not destroy the flight
};

class Flights {
 public:
  void add(Flight& flight) { flying_.push_back(flight); }

  // Revokes what `config` does not allow; how many that were.
  std::size_t review(const Config& config) {
    net::List<Flight> all;
    all.take_all(flying_);
    std::size_t revoked = 0;
    while (!all.empty()) {
      Flight& flight = all.pop_front();
      flying_.push_back(flight);
      if (flight.still_allowed(config)) continue;
      flight.revoke();
      ++revoked;
    }
    return revoked;
  }

 private:
  net::List<Flight> flying_;
};

}  // namespace bulkhead::proxy
