#pragma once

// One limit of the manifest, and how far each of those whom it counts has used it. Memory is bounded: at most 65,536
// are counted apart; whoever comes when all of them are in use shares one place with everybody else who does, so that a
// crowd of addresses can neither fill the memory nor make anybody's count forgotten. Pure; a call is O(1) on average.
//
// A rate is the generic cell rate algorithm (ITU-T I.371, as a virtual schedule): a bucket of `burst` tokens into which
// `count` fall in each window, in eight octets. Who has rested until the bucket is full is not remembered.

#include <chrono>
#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "manifest/limit.hpp"

namespace bulkhead::gateway {

class Limiter {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Nanos = std::chrono::nanoseconds;
  static constexpr std::size_t kMost = 65'536;

  // Where one of them stands.
  struct Standing {
    bool admits = true;
    std::uint32_t remaining = 0;  // requests that would be let through now, this one among them
    Nanos wait{0};                // until one would be; of a limit at once nobody knows: zero
    Nanos full{0};                // until nothing of it is used any more
  };

  // `seed` is drawn at random: whoever does not know it can't choose keys that share a place.
  Limiter(manifest::Limit limit, std::uint64_t seed);

  const manifest::Limit& limit() const { return limit_; }
  bool at_once() const { return limit_.window == manifest::Duration(0); }

  // The place of whoever is counted as `key`. Looks at it at most; the next call of another function may forget it.
  std::uint64_t place(std::string_view key, Time now);
  Standing standing(std::uint64_t place, Time now) const;
  // Uses one of what is left. What was taken of a limit at once is to be given back, once, with the same place.
  void take(std::uint64_t place, Time now);
  void give_back(std::uint64_t place);

  std::size_t size() const { return uses_.size(); }

 private:
  static constexpr std::uint64_t kShared = 0;

  void forget_idle(Time now);

  const manifest::Limit limit_;
  const std::uint64_t seed_;
  const Nanos interval_;  // between two tokens
  // Of a rate, when the bucket is full again, since the clock's epoch; of a limit at once, how many there are.
  std::unordered_map<std::uint64_t, std::int64_t> uses_;
  std::size_t crowded_ = 1024;  // that many are a reason to forget who has rested
  Time swept_{};
};

}  // namespace bulkhead::gateway
