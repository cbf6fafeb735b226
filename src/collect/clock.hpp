#pragma once

#include <chrono>
#include <cstdint>

namespace bulkhead::collect {

// The time of day, in milliseconds since 1970.
inline std::int64_t unix_millis() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace bulkhead::collect
