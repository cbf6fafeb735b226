#include "proxy/retry.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace bulkhead::proxy {

namespace {

constexpr int kUnavailable = 14;

bool no_head_came(const TryOutcome& outcome) { return outcome.timed_out_try || outcome.status == 0; }

}  // namespace

bool is_failure(const TryOutcome& outcome, const manifest::Retries& settings) {
  if (outcome.never_sent || outcome.refused_by_proxy || outcome.broken_off || no_head_came(outcome)) return true;
  if (outcome.grpc_status == kUnavailable) return true;
  return (outcome.status >= 502 && outcome.status <= 504) ||
         std::ranges::find(settings.on, outcome.status) != settings.on.end();
}

std::string describe(const TryOutcome& outcome) {
  if (outcome.never_sent) return "never sent";
  if (outcome.timed_out_try) return "no answer in time";
  if (outcome.status == 0) return "no answer";
  if (outcome.broken_off) return "the answer broke off";
  if (outcome.grpc_status > 0) return fmt::format("gRPC {}", outcome.grpc_status);
  return fmt::format("{}", outcome.status);
}

void RetryBudget::deposit(Time now) { counts_.add({1, 0}, now); }

bool RetryBudget::withdraw(Time now) {
  const auto [requests, repetitions] = counts_.sum(now);
  if ((repetitions + 1) * 10'000 > requests * share_.of_ten_thousand) return withdraw_floor(now);
  counts_.add({0, 1}, now);
  return true;
}

bool RetryBudget::withdraw_floor(Time now) {
  const double since = std::chrono::duration<double>(now - floor_at_).count();
  floor_ = std::min<double>(defaults::kRetryFloor, floor_ + since * defaults::kRetryFloor);
  floor_at_ = now;
  if (floor_ < 1) return false;
  floor_ -= 1;
  return true;
}

RetryAction::Kind RetryPolicy::judge(const TryOutcome& outcome) const {
  using enum RetryAction::Kind;
  if (outcome.never_sent) return again;
  if (!is_failure(outcome, settings_)) return no_failure;
  if (!facts_.replayable) return not_replayable;
  if (outcome.refused_by_proxy) return again;
  // A try that was given up had nothing taken on of what may have come.
  if (outcome.broken_off || (outcome.status == 0 && !outcome.no_response_byte && !outcome.timed_out_try))
    return answer_begun;
  if ((!facts_.idempotent || facts_.grpc) && !settings_.unsafe) return not_idempotent;
  return counted_ < settings_.max ? again : tried_enough;
}

RetryAction RetryPolicy::decide(const TryOutcome& outcome, double chance, Time now) {
  using enum RetryAction::Kind;
  const RetryAction::Kind verdict = judge(outcome);
  if (verdict != again || outcome.never_sent) return {verdict, {}};
  if (!budget_.withdraw(now)) return {budget_is_spent, {}};
  const RetryAction action{again, pause(chance)};
  ++repetitions_;
  if (!outcome.refused_by_proxy) ++counted_;
  return action;
}

std::chrono::nanoseconds RetryPolicy::pause(double chance) const {
  const double most = std::chrono::duration<double, std::nano>(settings_.most_backoff).count();
  const double first = std::chrono::duration<double, std::nano>(settings_.backoff).count();
  const double doubled = first * static_cast<double>(1ULL << std::min(repetitions_, 32U));
  return std::chrono::nanoseconds(static_cast<std::int64_t>(chance * std::min(doubled, most)));
}

std::string_view name_of(RetryAction::Kind kind) {
  using enum RetryAction::Kind;
  switch (kind) {
    case again: break;
    case no_failure: return "no failure";
    case not_replayable: return "not replayable";
    case not_idempotent: return "not idempotent";
    case answer_begun: return "answer begun";
    case tried_enough: return "tried enough";
    case budget_is_spent: return "budget is spent";
  }
  return "again";
}

std::string to_string(const RetryAction& action) {
  if (action.kind != RetryAction::Kind::again) return std::string(name_of(action.kind));
  if (action.pause.count() == 0) return "again at once";
  return "again after " + manifest::to_string(std::chrono::ceil<manifest::Duration>(action.pause));
}

}  // namespace bulkhead::proxy
