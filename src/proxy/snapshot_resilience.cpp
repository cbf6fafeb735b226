#include <algorithm>

#include "http/fields.hpp"
#include "proxy/snapshot_check.hpp"

namespace bulkhead::proxy {

namespace {

using manifest::Duration;
using manifest::Share;

constexpr std::uint32_t kMostTries = 100;
constexpr std::size_t kLongestBody = 16U << 10U;
constexpr std::size_t kLongestType = 1024;

bool is_within(std::uint32_t status, std::uint32_t least, std::uint32_t most) {
  return status >= least && status <= most;
}

bool is_share(Share share) { return is_within(share.of_ten_thousand, 1, 10'000); }

bool is_lower_token(std::string_view name) {
  return http::is_token(name) && std::ranges::none_of(name, [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool are_headers(const std::vector<manifest::HeaderMatch>& headers) {
  return std::ranges::all_of(headers, [](const manifest::HeaderMatch& header) {
    return is_lower_token(header.name) && http::is_field_value(header.value);
  });
}

bool are_retries(const manifest::Retries& retries) {
  auto retried = [](std::uint16_t status) { return status == 429 || is_within(status, 500, 599); };
  return retries.max <= kMostTries && std::ranges::all_of(retries.on, retried) &&
         retries.backoff <= retries.most_backoff && is_share(retries.budget);
}

bool is_breaker(const manifest::Breaker& breaker) {
  return is_share(breaker.errors) && breaker.requests > 0 && breaker.over > Duration(0) && breaker.open > Duration(0);
}

bool are_outliers(const manifest::Outliers& outliers) {
  return is_share(outliers.most) && outliers.eject > Duration(0);
}

bool is_fault(const manifest::FaultInjection& fault) {
  const bool aborts = is_within(fault.abort, 400, 599);
  return (aborts || (fault.abort == 0 && fault.delay)) && is_share(fault.share) && are_headers(fault.headers);
}

bool is_answer(const manifest::Fallback& fallback) {
  return is_within(fallback.status, 200, 599) && fallback.port.number == 0 && fallback.body.size() <= kLongestBody &&
         fallback.content_type.size() <= kLongestType && http::is_field_value(fallback.content_type);
}

// Checks one upstream of a snapshot.
class ResilienceCheck {
 public:
  ResilienceCheck(const Snapshot& snapshot, std::uint32_t index)
      : snapshot_(snapshot), index_(index), upstream_(snapshot.upstreams[index]) {}

  Result<> run() const {
    const manifest::Resilience& resilience = upstream_.resilience;
    if (!are_retries(resilience.retries)) return refuse("retries");
    if (resilience.breaker && !is_breaker(*resilience.breaker)) return refuse("breaker");
    if (!are_outliers(resilience.outliers)) return refuse("outliers");
    if (resilience.fallback && !is_fallback(*resilience.fallback)) return refuse("fallback");
    if (!std::ranges::all_of(resilience.faults, is_fault)) return refuse("faults");
    auto is_split = [&](const manifest::Split& split) {
      return is_share(split.share) && are_headers(split.headers) && leads(split.to, split.port).has_value();
    };
    if (!std::ranges::all_of(resilience.split, is_split)) return refuse("split");
    return {};
  }

 private:
  // Never to where it failed: that would go round.
  bool is_fallback(const manifest::Fallback& fallback) const {
    if (fallback.to.empty()) return is_answer(fallback);
    const auto to = leads(fallback.to, fallback.port);
    return fallback.status == 0 && to && *to != index_;
  }

  std::optional<std::uint32_t> leads(std::string_view service, manifest::Port port) const {
    const auto to = detour(snapshot_, index_, service, port.number);
    return to && snapshot_.upstreams[*to].protocol == upstream_.protocol ? to : std::nullopt;
  }

  Result<> refuse(std::string_view member) const {
    return fail(Cause::invalid, "snapshot.upstreams: {} has a resilience.{} that no manifest declares",
                upstream_.service, member);
  }

  const Snapshot& snapshot_;
  std::uint32_t index_;
  const Upstream& upstream_;
};

}  // namespace

std::optional<std::uint32_t> detour(const Snapshot& snapshot, std::uint32_t from, std::string_view service,
                                    std::uint16_t port) {
  const auto count = static_cast<std::uint32_t>(snapshot.upstreams.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t index = (from + i) % count;
    const Upstream& upstream = snapshot.upstreams[index];
    if (upstream.port == port && upstream.service == service) return index;
  }
  return std::nullopt;
}

Result<> check_resilience(const Snapshot& snapshot) {
  const manifest::Concurrency& concurrency = snapshot.inbound.concurrency;
  if (concurrency.max != 0 && concurrency.per_caller > concurrency.max) {
    return fail(Cause::invalid, "snapshot.inbound.concurrency has more per caller than in all");
  }
  for (std::uint32_t i = 0; i < snapshot.upstreams.size(); ++i) {
    if (auto checked = ResilienceCheck(snapshot, i).run(); !checked) return checked;
  }
  return {};
}

}  // namespace bulkhead::proxy
