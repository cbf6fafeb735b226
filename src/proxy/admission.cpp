#include "proxy/admission.hpp"

#include <algorithm>
#include <cassert>

#include "proxy/defaults.hpp"

namespace bulkhead::proxy {

namespace {

std::uint32_t three_quarters(std::uint32_t whole) {
  return static_cast<std::uint32_t>((std::uint64_t{whole} * 3 + 3) / 4);
}

}  // namespace

AdmissionLimits admission_limits(const manifest::Concurrency& settings, bool grpc, std::size_t callers) {
  const bool shared = callers > 1;
  AdmissionLimits limits;
  limits.max = settings.max != 0 ? settings.max : grpc ? defaults::kGrpcConcurrency : defaults::kConcurrency;
  limits.per_caller = settings.per_caller != 0 ? settings.per_caller : shared ? three_quarters(limits.max) : limits.max;
  limits.queue = settings.queue;
  limits.queue_per_caller = shared ? three_quarters(limits.queue) : limits.queue;
  return limits;
}

std::vector<Admission::Ticket> Admission::configure(AdmissionLimits limits) {
  limits_ = limits;
  std::erase_if(callers_, [](const auto& each) { return each.second.running == 0 && each.second.waiting == 0; });
  for (auto& [name, caller] : callers_) take_turn(caller);
  std::vector<Ticket> admitted;
  while (const auto ticket = admit_next()) admitted.push_back(*ticket);
  return admitted;
}

Admission::Answer Admission::arrive(std::string_view name, Ticket ticket, Time now) {
  Caller& caller = caller_of(name);
  if (running_ < limits_.max && caller.running < limits_.per_caller) {
    assert(turns_.empty());  // whoever may have a place has had it
    ++running_;
    ++caller.running;
    return Answer::admitted;
  }
  if (waiting() >= limits_.queue) return Answer::full;
  if (caller.waiting >= limits_.queue_per_caller) return Answer::caller_full;
  enqueue(caller, ticket, now);
  take_turn(caller);
  return Answer::wait;
}

void Admission::enqueue(Caller& caller, Ticket ticket, Time now) {
  if (caller.waiting == 0) caller.busy_since = now;
  const bool standing = now - caller.busy_since >= defaults::kQueueStanding;
  const auto [place, is_new] = waiters_.try_emplace(ticket);
  assert(is_new);
  Waiter& waiter = place->second;
  waiter.ticket = ticket;
  waiter.caller = &caller;
  waiter.until = now + (standing ? defaults::kQueueWaitStanding : defaults::kQueueWait);
  caller.queue.push_back(waiter);
  ++caller.waiting;
  (standing ? hasty_ : patient_).push_back(waiter);
}

std::optional<Admission::Ticket> Admission::leave(std::string_view name) {
  Caller& caller = caller_of(name);
  assert(caller.running > 0);
  --running_;
  --caller.running;
  take_turn(caller);
  return admit_next();
}

bool Admission::give_up(Ticket ticket) {
  const auto found = waiters_.find(ticket);
  if (found == waiters_.end()) return false;
  forget(found->second);
  return true;
}

std::vector<Admission::Ticket> Admission::expire(Time now) {
  std::vector<Ticket> expired;
  expire(patient_, now, expired);
  expire(hasty_, now, expired);
  return expired;
}

void Admission::expire(net::List<PatienceLink>& waiting, Time now, std::vector<Ticket>& expired) {
  while (!waiting.empty()) {
    const auto& first = static_cast<const Waiter&>(waiting.front());
    if (first.until > now) return;
    expired.push_back(first.ticket);
    forget(first);
  }
}

std::optional<Admission::Time> Admission::next_expiry() {
  std::optional<Time> next;
  for (auto* waiting : {&patient_, &hasty_}) {
    if (waiting->empty()) continue;
    const Time until = static_cast<const Waiter&>(waiting->front()).until;
    next = next ? std::min(*next, until) : until;
  }
  return next;
}

Admission::Busiest Admission::busiest() const {
  Busiest most;
  for (const auto& [name, caller] : callers_) {
    if (caller.running + caller.waiting > most.running + most.waiting) most = {name, caller.running, caller.waiting};
  }
  return most;
}

Admission::Caller& Admission::caller_of(std::string_view name) {
  const auto found = callers_.find(name);
  return found != callers_.end() ? found->second : callers_.try_emplace(std::string(name)).first->second;
}

void Admission::take_turn(Caller& caller) {
  const bool due = caller.waiting > 0 && caller.running < limits_.per_caller;
  if (!due) {
    caller.unlink();
  } else if (!caller.linked()) {
    turns_.push_back(caller);
  }
}

std::optional<Admission::Ticket> Admission::admit_next() {
  if (running_ >= limits_.max || turns_.empty()) return std::nullopt;
  Caller& caller = turns_.pop_front();
  ++running_;
  ++caller.running;
  const auto& waiter = static_cast<const Waiter&>(caller.queue.front());
  const Ticket ticket = waiter.ticket;
  forget(waiter);  // which puts the caller behind the others
  return ticket;
}

void Admission::forget(const Waiter& waiter) {
  Caller& caller = *waiter.caller;
  const Ticket ticket = waiter.ticket;
  --caller.waiting;
  waiters_.erase(ticket);  // its links let go of it
  take_turn(caller);
}

std::string_view to_string(Admission::Answer answer) {
  switch (answer) {
    case Admission::Answer::admitted: return "admitted";
    case Admission::Answer::wait: return "wait";
    case Admission::Answer::full: return "full";
    case Admission::Answer::caller_full: return "caller full";
  }
  return "";
}

}  // namespace bulkhead::proxy
