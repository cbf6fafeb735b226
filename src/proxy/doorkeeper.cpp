#include "proxy/doorkeeper.hpp"

namespace bulkhead::proxy {

struct Doorkeeper::Waiter {
  explicit Waiter(net::Loop& loop) : decided(loop) {}
  net::Event decided;
  bool admitted = false;
  bool expired = false;
};

Doorkeeper::Doorkeeper(net::Loop& loop)
    : loop_(loop), admission_(admission_limits({}, false, 1)), timer_(&Doorkeeper::expire, this) {}

void Doorkeeper::configure(AdmissionLimits limits) {
  if (limits == admission_.limits()) return;
  for (const Admission::Ticket ticket : admission_.configure(limits)) admit(ticket);
}

net::Task<std::optional<Why>> Doorkeeper::enter(Place& place, std::string_view caller, ServerExchange& exchange,
                                                net::Deadline deadline) {
  const Admission::Ticket ticket = ++last_ticket_;
  const Admission::Answer answer = admission_.arrive(caller, ticket, loop_.now());
  if (answer == Admission::Answer::wait) {
    auto refused = co_await wait(caller, ticket, exchange, deadline);
    if (refused) co_return refused;
  } else if (answer != Admission::Answer::admitted) {
    co_return full(answer, caller);
  }
  place.keeper_ = this;
  place.caller_ = caller;
  co_return std::nullopt;
}

net::Task<std::optional<Why>> Doorkeeper::wait(std::string_view caller, Admission::Ticket ticket,
                                               ServerExchange& exchange, net::Deadline deadline) {
  Waiter waiter(loop_);
  waiters_.emplace(ticket, &waiter);
  arm();
  exchange.on_gone([&waiter] { waiter.decided.set(); });
  // However it ends, the flags tell.
  static_cast<void>(co_await waiter.decided.wait(deadline));
  exchange.on_gone({});
  waiters_.erase(ticket);
  if (waiter.admitted) co_return std::nullopt;
  admission_.give_up(ticket);
  arm();
  if (!waiter.expired) co_return Why{RefusalCause::timed_out, "its time was over before it had a place"};
  const AdmissionLimits& limits = admission_.limits();
  co_return Why{RefusalCause::overloaded, fmt::format("no place in time for {}, which may have {} at once: {}", caller,
                                                      limits.per_caller, occupancy())};
}

Why Doorkeeper::full(Admission::Answer answer, std::string_view caller) const {
  const AdmissionLimits& limits = admission_.limits();
  if (answer == Admission::Answer::full) return {RefusalCause::overloaded, occupancy()};
  return {RefusalCause::overloaded,
          fmt::format("{} requests of {} wait, as many as may: {}", limits.queue_per_caller, caller, occupancy())};
}

std::string Doorkeeper::occupancy() const {
  const AdmissionLimits& limits = admission_.limits();
  const auto busiest = admission_.busiest();
  return fmt::format("{} of at most {} requests are served and {} of at most {} wait, most of them of {} ({} and {})",
                     admission_.running(), limits.max, admission_.waiting(), limits.queue, busiest.caller,
                     busiest.running, busiest.waiting);
}

void Doorkeeper::leave(std::string_view caller) {
  if (const auto next = admission_.leave(caller)) admit(*next);
}

void Doorkeeper::admit(Admission::Ticket ticket) {
  Waiter& waiter = *waiters_.at(ticket);
  waiter.admitted = true;
  waiter.decided.set();
}

void Doorkeeper::expire(void* self) {
  auto& keeper = *static_cast<Doorkeeper*>(self);
  for (const Admission::Ticket ticket : keeper.admission_.expire(keeper.loop_.now())) {
    Waiter& waiter = *keeper.waiters_.at(ticket);
    waiter.expired = true;
    waiter.decided.set();
  }
  keeper.arm();
}

void Doorkeeper::arm() {
  const auto next = admission_.next_expiry();
  if (next) {
    loop_.arm(timer_, net::Deadline(*next));
  } else {
    timer_.cancel();
  }
}

}  // namespace bulkhead::proxy
