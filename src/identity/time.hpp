#pragma once

#include <chrono>
#include <functional>

namespace bulkhead::identity {

// Certificates live by the wall clock, which can be set; whoever needs the time is given a clock.
using WallTime = std::chrono::system_clock::time_point;
using WallClock = std::function<WallTime()>;

}  // namespace bulkhead::identity
