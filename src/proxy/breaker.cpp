#include "proxy/breaker.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "proxy/defaults.hpp"

namespace bulkhead::proxy {

using std::chrono::milliseconds;

Breaker::Breaker(const manifest::Breaker& settings) : settings_(settings), ended_(settings.over) {}

void Breaker::configure(const manifest::Breaker& settings, Time now) {
  if (settings.over != settings_.over) ended_.resize(settings.over, now);
  settings_ = settings;
}

Breaker::Admission Breaker::admit(Time now) {
  using enum Admission::Verdict;
  switch (state(now)) {
    case State::closed: return {allowed, {era_}, {}};
    case State::open: return {refused, {}, left(now)};
    case State::half_open: break;
  }
  if (probing_) return {refused, {}, {}};
  probing_ = true;
  return {probe, {++era_}, {}};
}

void Breaker::succeeded(Ticket ticket, Time now) {
  if (ticket.era != era_) return;
  if (closed_) {
    ended_.add({1, 0}, now);
  } else if (probing_) {
    close();
  }
}

void Breaker::failed(Ticket ticket, std::string_view why, Time now) {
  if (ticket.era != era_) return;
  if (closed_) {
    ended_.add({1, 1}, now);
    const auto [all, failures] = ended_.sum(now);
    if (all < settings_.requests || failures * 10'000 < all * settings_.errors.of_ten_thousand) return;
    reason_ = fmt::format("{} of {} requests failed in {}, the last: {}", failures, all,
                          manifest::to_string(settings_.over), why.substr(0, kWhy));
    open(now);
  } else if (probing_) {
    ++failed_probes_;
    last_probe_ = why.substr(0, kWhy);
    open(now);
  }
}

void Breaker::forgotten(Ticket ticket) {
  if (ticket.era == era_) probing_ = false;
}

// A new era: whoever was admitted before has nothing to say about it.
void Breaker::open(Time now) {
  const std::uint32_t times = std::min(1U << std::min(failed_probes_, 16U), defaults::kMostOpenTimes);
  opens_until_ = now + settings_.open * times;
  closed_ = false;
  probing_ = false;
  ++era_;
}

void Breaker::close() {
  closed_ = true;
  probing_ = false;
  ++era_;
  failed_probes_ = 0;
  ended_.clear();
  reason_.clear();
  last_probe_.clear();
}

Breaker::State Breaker::state(Time now) const {
  if (closed_) return State::closed;
  return now < opens_until_ ? State::open : State::half_open;
}

std::string Breaker::reason() const {
  if (failed_probes_ == 0) return reason_;
  if (failed_probes_ == 1) return fmt::format("{}; a probe since failed too: {}", reason_, last_probe_);
  return fmt::format("{}; {} probes since failed too, the last: {}", reason_, failed_probes_, last_probe_);
}

milliseconds Breaker::left(Time now) const {
  return state(now) == State::open ? std::chrono::ceil<milliseconds>(opens_until_ - now) : milliseconds(0);
}

std::string_view to_string(Breaker::State state) {
  switch (state) {
    case Breaker::State::closed: return "closed";
    case Breaker::State::open: return "open";
    case Breaker::State::half_open: return "half-open";
  }
  return "";
}

std::string to_string(const Breaker::Admission& admission) {
  using enum Breaker::Admission::Verdict;
  switch (admission.verdict) {
    case allowed: return "allowed";
    case probe: return "probe";
    case refused: break;
  }
  if (admission.left.count() == 0) return "refused while a probe is out";
  return "refused for " + manifest::to_string(admission.left);
}

}  // namespace bulkhead::proxy
