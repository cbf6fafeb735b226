#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace bulkhead::manifest {

// A TCP port, 1 to 65535; 0 only in a default-constructed one, which no parsed manifest contains.
struct Port {
  std::uint16_t number = 0;
  auto operator<=>(const Port&) const = default;
};

// An amount of memory.
struct Bytes {
  std::uint64_t count = 0;
  auto operator<=>(const Bytes&) const = default;
};

using Duration = std::chrono::milliseconds;

// A part of a whole, in hundredths of a percent: 10,000 is all of it.
struct Share {
  std::uint32_t of_ten_thousand = 0;
  auto operator<=>(const Share&) const = default;
};

// Each reads the whole of `text` as the manifest spells it; Cause::invalid says what was found and what is allowed.
Result<Port> parse_port(std::string_view text);          // decimal without sign or leading zero
Result<Duration> parse_duration(std::string_view text);  // "500ms", "10s", "1m30s", "1h"
Result<Bytes> parse_bytes(std::string_view text);        // "64MiB", "1GiB", "512k" (powers of 1024), "1GB" (of 1000)
Result<Share> parse_share(std::string_view text);        // "10%", "0.5%": two decimals at most, 0.01% to 100%

std::string to_string(Port port);
std::string to_string(Duration duration);  // the shortest exact spelling: "1m30s"
std::string to_string(Bytes bytes);        // the largest binary unit that divides it: "64MiB"
std::string to_string(Share share);        // without needless decimals: "0.5%"

}  // namespace bulkhead::manifest
