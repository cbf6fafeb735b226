#pragma once

#include <deque>
#include <string>

#include "control/fleet.hpp"
#include "control/totals.hpp"
#include "manifest/update.hpp"

namespace bulkhead::control {

// Whether a new instance keeps the bounds of its service's auto_rollback. Looked at again and again, with what it has
// counted by then; time is passed in.
class Trial {
 public:
  static constexpr std::uint64_t kFewest = 20;     // requests by which it is judged
  static constexpr std::uint64_t kFewestLate = 5;  // of fewer requests: perhaps all that its callers can have waiting

  // Why what it answered breaks the bounds; "" where it does not, or too little is known.
  std::string look(const manifest::AutoRollback& bounds, const Totals& totals, Time now);

 private:
  std::string look_for_late(manifest::Duration p99, const Totals& totals, Time now);

  struct Seen {
    Time at;
    std::uint64_t begun;
  };
  std::deque<Seen>
      seen_;  // the first is old enough for what had begun by then to be late by now, if there is such a one
};

}  // namespace bulkhead::control
