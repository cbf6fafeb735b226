#include "identity/renewal.hpp"

#include <algorithm>

#include <time.h>

namespace bulkhead::identity {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr nanoseconds kFirstRetry = seconds(1);
constexpr nanoseconds kLongestRetry = seconds(60);
constexpr int kMaxDoublings = 6;

nanoseconds scale(nanoseconds duration, double factor) {
  return nanoseconds(static_cast<nanoseconds::rep>(static_cast<double>(duration.count()) * factor));
}

milliseconds pause_of(nanoseconds wait) {
  return std::clamp(std::chrono::ceil<milliseconds>(wait), milliseconds(1), RenewalPlan::kLongestPause);
}

}  // namespace

Moment moment_now() {
  timespec boot{};
  ::clock_gettime(CLOCK_BOOTTIME, &boot);
  return {std::chrono::system_clock::now(), seconds(boot.tv_sec) + nanoseconds(boot.tv_nsec)};
}

void RenewalPlan::renewed(WallTime not_before, WallTime not_after, Moment now, double random) {
  held_ = true;
  failures_ = 0;
  retry_boot_ = now.boot;
  not_before_ = not_before;
  not_after_ = not_after;
  // Counted from now: the certificate is dated back a little, for peers whose clocks are late.
  const nanoseconds life = std::max<nanoseconds>(not_after - now.wall, nanoseconds(0));
  const nanoseconds until_renewal = scale(life, 0.4 + 0.2 * random);
  renew_wall_ = now.wall + std::chrono::duration_cast<WallTime::duration>(until_renewal);
  renew_boot_ = now.boot + until_renewal;
  end_boot_ = now.boot + life;
}

void RenewalPlan::failed(Moment now, double random) {
  const nanoseconds grown = kFirstRetry * (1 << std::min(failures_, kMaxDoublings));
  ++failures_;
  retry_boot_ = now.boot + scale(std::min(grown, kLongestRetry), 0.5 + 0.5 * random);
}

bool RenewalPlan::due(Moment now) const {
  if (!held_ || now.wall < not_before_ || now.wall >= not_after_) return true;
  return now.wall >= renew_wall_ || now.boot >= renew_boot_;
}

RenewalPlan::Next RenewalPlan::next(Moment now) const {
  if (due(now)) {
    if (now.boot >= retry_boot_) return {.renew = true};
    return {.pause = pause_of(retry_boot_ - now.boot)};
  }
  return {.pause = pause_of(std::min<nanoseconds>(renew_wall_ - now.wall, renew_boot_ - now.boot))};
}

seconds RenewalPlan::left(Moment now) const {
  if (!held_ || now.wall < not_before_) return seconds(0);
  const nanoseconds left = std::min<nanoseconds>(not_after_ - now.wall, end_boot_ - now.boot);
  return std::max(std::chrono::floor<seconds>(left), seconds(0));
}

}  // namespace bulkhead::identity
