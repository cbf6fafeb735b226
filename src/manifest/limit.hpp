#pragma once

// How often somebody may come, or how many at once. Pure values.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "manifest/units.hpp"

namespace bulkhead::manifest {

// "20/s per address", "100/1m per header x-api-key burst 200", "8 at once per user".
struct Limit {
  enum class Per : std::uint8_t {
    all,      // everybody together
    address,  // an IPv4 address, or the first 64 bits of an IPv6 one
    header,   // the value of a request's field; those that have none are counted by address
    user,     // an end user, of one provider; those who are nobody by address
  };
  std::uint32_t count = 0;  // requests
  Duration window{0};       // in which so many may come; 0: so many at once
  std::uint32_t burst = 0;  // what may come together after a rest; of a rate, at least 1
  Per per = Per::all;
  std::string header;  // lower case; only where `per` is header
  bool operator==(const Limit&) const = default;
};
std::string_view to_string(Limit::Per per);

// COUNT/UNIT or "COUNT at once", then one of "per address", "per user", "per header NAME", and "burst COUNT" for a
// rate. UNIT is s, m, h or a duration ("100/10s"). `burst` is the count unless it is written. Cause::invalid says what
// is allowed.
Result<Limit> parse_limit(std::string_view text);
inline constexpr std::string_view kLimitAllowed =
    "20/s, 100/10m or 8 at once; then per address, per user or per header NAME, and burst COUNT for a rate";
std::string to_string(const Limit& limit);  // that parse_limit reads as the same

}  // namespace bulkhead::manifest
