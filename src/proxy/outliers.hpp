#pragma once

// Leaving alone an instance that fails again and again, while others do not. Failures (`is_failure` of retry.hpp) are
// counted in a row: any other answer starts the count anew. Pure.
//
// It is ejected after `failures` in a row for `eject` times the ejections so far (thirty at the most), if the cap
// allows; where the cap does not, its next failure asks again. What it answers while ejected (requests sent before)
// does not count. Each `eject` that passes after its return without a failure takes one off the ejections.

#include <chrono>
#include <cstdint>

#include "manifest/resilience.hpp"

namespace bulkhead::proxy {

struct OutlierRecord {
  using Time = std::chrono::steady_clock::time_point;
  std::uint32_t failures = 0;   // in a row
  std::uint32_t ejections = 0;  // as of calm_since
  Time ejected_until{};
  Time calm_since{};  // no failure from here on; in the future while ejected
  bool operator==(const OutlierRecord&) const = default;
};

// The ready instances of one service, and how many of those are ejected now.
struct Crowd {
  std::size_t ready = 0;
  std::size_t ejected = 0;
};

bool is_ejected(const OutlierRecord& record, OutlierRecord::Time now);

// Whether this failure ejected it.
bool failed(OutlierRecord& record, const manifest::Outliers& settings, Crowd crowd, OutlierRecord::Time now);
void succeeded(OutlierRecord& record, OutlierRecord::Time now);

// Whether one more may go: then at most `most` of the ready ones are ejected, and at least one is not.
bool may_eject(Crowd crowd, manifest::Share most);

}  // namespace bulkhead::proxy
