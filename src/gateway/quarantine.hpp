#pragma once

// Addresses that flooded: a connection of theirs was ended for spending a budget of HTTP/2. What ends a flood costs a
// handshake, and whoever floods opens the next connection at once; so, for a minute after its last flood, an address
// gets one new connection a second, in turn. A turn more than eight seconds away is not given: that connection is
// closed. Others, and connections that are open, do not notice.
//
// At most 4,096 hosts are remembered; the one whose flood is longest ago makes room. Pure; a call is O(log of those
// remembered).

#include <chrono>
#include <list>
#include <map>
#include <optional>

#include "gateway/client.hpp"

namespace bulkhead::gateway {

class Quarantine {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kTime{60};
  static constexpr std::chrono::seconds kPace{1};
  static constexpr std::chrono::seconds kLongestWait{8};
  static constexpr std::size_t kMost = 4096;

  void flooded(const net::Address& address, Time now);
  // When a connection that came `now` may be served; nothing: not at all.
  std::optional<Time> admit(const net::Address& address, Time now);
  std::size_t size() const { return records_.size(); }

 private:
  struct Record {
    Host key;
    Time last_flood;
    Time next_turn;
  };

  void forget_old(Time now);

  std::list<Record> records_;  // by their last flood
  std::map<Host, std::list<Record>::iterator> by_key_;
};

}  // namespace bulkhead::gateway
