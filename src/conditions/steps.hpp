#pragma once

// What an evaluation may cost. A step is an expression or a pair of values that is looked at, or kBytesOfStep bytes.

#include <cstddef>
#include <cstdint>

namespace bulkhead::conditions {

inline constexpr std::uint64_t kMostSteps = 100'000;  // about a millisecond
inline constexpr std::size_t kBytesOfStep = 64;       // of text that is searched, compared or joined

inline constexpr std::size_t kBytesOfPatternStep = 8;  // of text that a pattern is looked for in

inline constexpr std::uint64_t steps_of(std::size_t bytes) { return bytes / kBytesOfStep; }

// The last place of a text of `part` bytes in one of `text` bytes: the former is compared at each byte of the latter.
inline constexpr std::uint64_t steps_of_last_index(std::uint64_t text, std::uint64_t part) {
  return text / 16 * (1 + steps_of(part));
}

// Takes `steps` of what is left; false, with nothing left, where there are not as many.
inline bool spend(std::uint64_t& left, std::uint64_t steps) {
  const bool enough = left >= steps;
  left = enough ? left - steps : 0;
  return enough;
}

}  // namespace bulkhead::conditions
