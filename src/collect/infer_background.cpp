#include "collect/infer_background.hpp"

#include <algorithm>
#include <numeric>

namespace bulkhead::collect {

namespace {

constexpr double kUnexplained = 0.03;     // of the calls: rare ways of requests, rather than a source of its own
constexpr double kLeastIdle = 0.02;       // of the time: less of it tells nothing
constexpr double kMemoryUs = 300e6;       // then the older half of what was counted is let go
constexpr double kLeastAfter = 0.02;      // of the requests do something after their answer, or none does
constexpr std::size_t kMostAfter = 64;    // pairs of endpoint and target
constexpr std::size_t kMostAnswers = 48;  // before a call, that may have led to it

struct Span {
  std::int64_t first = INT64_MAX;
  std::int64_t last = INT64_MIN;
};

Span span_until(const Batch& batch, std::int64_t until_us) {
  Span span;
  for (const auto* intervals : {&batch.requests, &batch.calls.all}) {
    for (const Interval& interval : *intervals) {
      if (interval.end_us > until_us) continue;
      span.first = std::min(span.first, interval.start_us);
      span.last = std::max(span.last, interval.end_us);
    }
  }
  return span;
}

// Time without a request, of requests sorted by start.
double idle_time(std::span<const Interval> requests, Span span) {
  double idle = 0;
  std::int64_t until = span.first;
  for (const Interval& request : requests) {
    if (request.start_us >= span.last) break;
    if (request.start_us > until) idle += static_cast<double>(request.start_us - until);
    until = std::max(until, request.end_us);
  }
  return idle + static_cast<double>(std::max<std::int64_t>(0, span.last - until));
}

}  // namespace

double Background::rate(std::size_t target) const {
  if (target >= rates_.size() || span_us_ <= 0) return 0;
  const Rate& rate = rates_[target];
  double idle = idle_us_ > kLeastIdle * span_us_ ? rate.outside / idle_us_ : 0;
  return std::max(idle, (rate.within - kUnexplained * rate.calls) / span_us_);
}

// visit(call, request, lag, density per µs) for each answer that a call may have come after.
template <class Visit>
void Background::visit_answers(const Batch& batch, Visit&& visit) const {
  if (after_.empty()) return;
  std::vector<std::uint32_t> answered(batch.requests.size());
  std::iota(answered.begin(), answered.end(), 0);
  std::ranges::sort(answered, {}, [&](std::uint32_t i) { return std::pair(batch.requests[i].end_us, i); });
  std::size_t past = 0;
  for (std::uint32_t call = 0; call < batch.calls.all.size(); ++call) {
    const Interval& interval = batch.calls.all[call];
    while (past < answered.size() && batch.requests[answered[past]].end_us <= interval.start_us) ++past;
    for (std::size_t i = past; i > 0 && past - i < kMostAnswers; --i) {
      const Interval& request = batch.requests[answered[i - 1]];
      auto found = after_.find({request.kind, interval.kind});
      if (found == after_.end()) continue;
      double expected = found->second.calls / std::max(1.0, requests_[request.kind]);
      std::int64_t lag = interval.start_us - request.end_us;
      if (expected < kLeastAfter || lag > found->second.lag.most()) continue;
      visit(call, request, lag, expected * found->second.lag.density(lag));
    }
  }
}

void Background::weigh(Batch& batch) const {
  Span span = span_until(batch, INT64_MAX);
  double length = span.last > span.first ? static_cast<double>(span.last - span.first) : 1.0;
  double unseen = 0.5 / (std::max(length, span_us_) + 1'000);
  batch.nobody.assign(batch.calls.all.size(), unseen);
  for (std::size_t call = 0; call < batch.nobody.size(); ++call) {
    std::uint32_t target = batch.calls.all[call].kind;
    double before =
        span_us_ > 0 ? rate(target) : 0.02 * static_cast<double>(batch.calls.of_target[target].size()) / length;
    batch.nobody[call] += std::max(0.0, before);
  }
  visit_answers(
      batch, [&](std::uint32_t call, const Interval&, std::int64_t, double density) { batch.nobody[call] += density; });
}

void Background::learn_first(const Batch& batch, std::span<const std::uint32_t> after) {
  after_.clear();
  requests_.assign(requests_.size(), 0);
  for (const Interval& request : batch.requests) {
    if (request.kind >= requests_.size()) requests_.resize(request.kind + 1);
    ++requests_[request.kind];
  }
  for (std::uint32_t call = 0; call < after.size(); ++call) {
    if (after[call] == kNone) continue;
    const Interval& request = batch.requests[after[call]];
    std::pair key{request.kind, batch.calls.all[call].kind};
    if (after_.size() >= kMostAfter && !after_.contains(key)) continue;
    After& entry = after_[key];
    ++entry.calls;
    entry.lag.add(batch.calls.all[call].start_us - request.end_us, 1);
  }
  for (auto& [key, entry] : after_) entry.lag.refresh();
}

void Background::learn(const Batch& batch, std::span<const double> nobodys, std::int64_t until_us) {
  Span span = span_until(batch, until_us);
  if (span.last <= span.first) return;
  if (span_us_ > kMemoryUs) {
    for (Rate& rate : rates_) rate = {rate.calls / 2, rate.within / 2, rate.outside / 2};
    span_us_ /= 2;
    idle_us_ /= 2;
    for (double& requests : requests_) requests /= 2;
    for (auto& [key, entry] : after_) entry.calls /= 2;
  }
  if (rates_.size() < batch.calls.of_target.size()) rates_.resize(batch.calls.of_target.size());
  span_us_ += static_cast<double>(span.last - span.first);
  idle_us_ += idle_time(batch.requests, span);
  std::vector<double> of_rate(nobodys.begin(), nobodys.end());  // less what came after answers
  visit_answers(batch, [&](std::uint32_t call, const Interval& request, std::int64_t lag, double density) {
    if (batch.calls.all[call].end_us > until_us) return;
    double share = std::min(1.0, density / batch.nobody[call]) * nobodys[call];
    After& entry = after_.at({request.kind, batch.calls.all[call].kind});
    entry.calls += share;
    entry.lag.add(lag, share);
    of_rate[call] = std::max(0.0, of_rate[call] - share);
  });
  for (auto& [key, entry] : after_) entry.lag.refresh();
  std::size_t next = 0;
  std::int64_t latest = INT64_MIN;
  for (std::uint32_t call = 0; call < nobodys.size(); ++call) {
    const Interval& interval = batch.calls.all[call];
    for (; next < batch.requests.size() && batch.requests[next].start_us <= interval.start_us; ++next) {
      latest = std::max(latest, batch.requests[next].end_us);
    }
    if (interval.end_us > until_us || batch.calls.taken[call] || batch.calls.parent[call] != kNone) continue;
    Rate& rate = rates_[interval.kind];
    ++rate.calls;
    (latest >= interval.end_us ? rate.within : rate.outside) += of_rate[call];
  }
  for (const Interval& request : batch.requests) {
    if (request.end_us > until_us) continue;
    if (request.kind >= requests_.size()) requests_.resize(request.kind + 1);
    ++requests_[request.kind];
  }
}

}  // namespace bulkhead::collect
