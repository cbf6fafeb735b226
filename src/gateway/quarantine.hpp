#pragma once

// Addresses that flooded: a connection of theirs was ended for spending a budget of HTTP/2. What ends a flood costs a
// handshake, and whoever floods opens the next connection at once; so, for a minute after its last flood, an address
// gets one new connection a second, in turn. A turn more than eight seconds away is not given: that connection is
// closed. Others, and connections that are open, do not notice.
//
// An address is all of IPv4's, and the first 64 bits of IPv6's, as one host has those. At most 4,096 are remembered;
// the one whose flood is longest ago makes room. Pure; a call is O(log of those remembered).

#include <array>
#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <optional>

#include "net/address.hpp"

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
  using Key = std::array<std::uint8_t, 8>;  // IPv4's as in RFC 4291 §2.5.5.2, which no IPv6 prefix in use begins like
  struct Record {
    Key key;
    Time last_flood;
    Time next_turn;
  };

  static Key key_of(const net::Address& address);
  void forget_old(Time now);

  std::list<Record> records_;  // by their last flood
  std::map<Key, std::list<Record>::iterator> by_key_;
};

}  // namespace bulkhead::gateway
