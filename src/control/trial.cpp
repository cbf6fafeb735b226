#include "control/trial.hpp"

#include <fmt/format.h>

#include "manifest/units.hpp"

namespace bulkhead::control {

std::string Trial::look(const manifest::AutoRollback& bounds, const Totals& totals, Time now) {
  if (bounds.errors && totals.requests >= kFewest &&
      totals.errors * 10'000 > totals.requests * bounds.errors->of_ten_thousand)
    return fmt::format("{} of {} answers failed, more than {}", totals.errors, totals.requests,
                       manifest::to_string(*bounds.errors));
  if (bounds.p99.count() == 0) return "";
  const auto p99 = std::chrono::microseconds(totals.latency.quantile_micros(0.99));
  if (totals.latency.count() >= kFewest && p99 > bounds.p99)
    return fmt::format("its p99 is {} ms over {} answers, above {}", p99.count() / 1000, totals.latency.count(),
                       manifest::to_string(bounds.p99));
  return look_for_late(bounds.p99, totals, now);
}

// What is not answered has no latency yet: a service that hangs would look as if nobody had asked it. Of the requests
// that had begun a p99 ago no more are answered by now than are answered at all.
std::string Trial::look_for_late(manifest::Duration p99, const Totals& totals, Time now) {
  const std::uint64_t answered = totals.latency.count();
  seen_.push_back({now, answered + totals.unanswered});
  while (seen_.size() > 1 && now - seen_[1].at >= p99) seen_.pop_front();
  const Seen& then = seen_.front();
  if (now - then.at < p99 || then.begun <= answered) return "";
  const std::uint64_t late = then.begun - answered;
  if (late * 100 <= then.begun || (then.begun < kFewest && late < kFewestLate)) return "";
  return fmt::format("{} of {} requests have no answer after {}", late, then.begun, manifest::to_string(p99));
}

}  // namespace bulkhead::control
