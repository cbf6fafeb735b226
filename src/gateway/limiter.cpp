#include "gateway/limiter.hpp"

#include <algorithm>
#include <utility>

#include <xxhash.h>

namespace bulkhead::gateway {

namespace {

constexpr std::chrono::seconds kSweep{1};
constexpr std::size_t kFew = 1024;

std::int64_t since_epoch(Limiter::Time time) { return Limiter::Nanos(time.time_since_epoch()).count(); }

}  // namespace

Limiter::Limiter(manifest::Limit limit, std::uint64_t seed)
    : limit_(std::move(limit)), seed_(seed), interval_(Nanos(limit_.window) / std::max(limit_.count, 1U)) {}

std::uint64_t Limiter::place(std::string_view key, Time now) {
  const std::uint64_t hash = XXH3_64bits_withSeed(key.data(), key.size(), seed_);
  if (uses_.size() < crowded_ || uses_.contains(hash)) return hash;
  forget_idle(now);
  return uses_.size() < kMost ? hash : kShared;
}

Limiter::Standing Limiter::standing(std::uint64_t place, Time now) const {
  const auto found = uses_.find(place);
  Standing standing;
  if (at_once()) {
    const auto used = static_cast<std::uint32_t>(found == uses_.end() ? 0 : found->second);
    standing.remaining = used < limit_.count ? limit_.count - used : 0;
  } else {
    const std::int64_t used = found == uses_.end() ? 0 : found->second - since_epoch(now);
    standing.full = Nanos(std::max<std::int64_t>(0, used));
    const Nanos free = interval_ * limit_.burst - standing.full;
    standing.remaining = free < interval_ ? 0 : static_cast<std::uint32_t>(free / interval_);
    standing.wait = std::max(Nanos(0), interval_ - free);
  }
  standing.admits = standing.remaining > 0;
  return standing;
}

void Limiter::take(std::uint64_t place, Time now) {
  std::int64_t& used = uses_[place];
  if (at_once())
    ++used;
  else
    used = std::max(used, since_epoch(now)) + interval_.count();
}

void Limiter::give_back(std::uint64_t place) {
  const auto found = uses_.find(place);
  if (found != uses_.end() && --found->second <= 0) uses_.erase(found);
}

// Looks at all of them, so only when there are twice as many as were left, or once a second in a crowd.
void Limiter::forget_idle(Time now) {
  if (crowded_ == kMost && now - swept_ < kSweep) return;
  swept_ = now;
  if (!at_once()) std::erase_if(uses_, [&](const auto& each) { return each.second <= since_epoch(now); });
  crowded_ = std::clamp(2 * uses_.size(), kFew, kMost);
}

}  // namespace bulkhead::gateway
