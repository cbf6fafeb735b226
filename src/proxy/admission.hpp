#pragma once

// The callee's doorkeeper: how many requests its program is given at once, who waits for a place, and who waits no
// longer. One for each inner door. Pure.
//
// A caller has at most `per_caller` places, so that one that floods leaves places to the others; beyond that it waits
// in a queue of its own, which blocks nobody else's. A place that becomes free goes to the callers in turn, within one
// to who came first. The queues share one bound, of which one caller may fill at most three quarters where several are
// declared.
//
// Waiting is bounded by controlled delay (B. Maurer, "Fail at Scale", ACM Queue 13(8), 2015): whoever arrives may wait
// five seconds while the queue empties now and then, so that a burst is served, but fifty milliseconds where it has not
// been empty for a second: then more comes than can be served, and who waits long would only be answered too late. Each
// caller's queue is judged by itself, as it is that caller which asks too much.
//
// A request does `arrive`. Admitted at once or later, it owes one `leave`; while it waits, it may `give_up`. Every
// ticket that waits is handed out once, by `leave`, `configure` or `expire`, or given up. Everything is O(1) on
// average, but looking up a caller, which is O(log callers), and what `configure` does.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "manifest/resilience.hpp"
#include "net/list.hpp"

namespace bulkhead::proxy {

struct AdmissionLimits {
  std::uint32_t max = 0;
  std::uint32_t per_caller = 0;
  std::uint32_t queue = 0;
  std::uint32_t queue_per_caller = 0;
  bool operator==(const AdmissionLimits&) const = default;
};
// What the settings come to for a service that `callers` services may call.
AdmissionLimits admission_limits(const manifest::Concurrency& settings, bool grpc, std::size_t callers);

class Admission {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Ticket = std::uint64_t;  // the request's, of its own among those that wait

  enum class Answer : std::uint8_t {
    admitted,
    wait,
    full,         // as many wait as may
    caller_full,  // as many of this caller wait as may
  };

  explicit Admission(AdmissionLimits limits) : limits_(limits) {}
  // Whoever may be admitted under the new limits. Lower limits end nothing: places are withheld until enough have left.
  std::vector<Ticket> configure(AdmissionLimits limits);

  // `caller` is a name that the peer proved, one of the declared ones: each is remembered until it is idle at the next
  // `configure`.
  Answer arrive(std::string_view caller, Ticket ticket, Time now);
  // A request of `caller` that had been admitted has ended; who has its place now (one place, so one at the most).
  std::optional<Ticket> leave(std::string_view caller);
  // Whether it still waited; it is forgotten then.
  bool give_up(Ticket ticket);
  // Those that have waited too long, to be refused; they are forgotten.
  std::vector<Ticket> expire(Time now);
  // When `expire` has something to do if nothing happens before; nothing while nobody waits.
  std::optional<Time> next_expiry();

  // Who has most places and waiting requests together; the name lives until `configure`. O(callers).
  struct Busiest {
    std::string_view caller;
    std::uint32_t running = 0, waiting = 0;
  };
  Busiest busiest() const;

  std::uint32_t running() const { return running_; }
  std::uint32_t waiting() const { return static_cast<std::uint32_t>(waiters_.size()); }
  const AdmissionLimits& limits() const { return limits_; }

 private:
  struct Caller;
  struct QueueLink : net::Link {};     // among its caller's, oldest first
  struct PatienceLink : net::Link {};  // among those that may wait as long, oldest first
  struct Waiter : QueueLink, PatienceLink {
    Ticket ticket = 0;
    Caller* caller = nullptr;
    Time until;
  };
  // Linked into turns_ while it waits and is below its own limit.
  struct Caller : net::Link {
    std::uint32_t running = 0;
    std::uint32_t waiting = 0;
    net::List<QueueLink> queue;
    Time busy_since;  // the queue has not been empty since
  };

  Caller& caller_of(std::string_view name);
  void enqueue(Caller& caller, Ticket ticket, Time now);
  void take_turn(Caller& caller);  // or leave it, whichever is right now
  std::optional<Ticket> admit_next();
  void forget(const Waiter& waiter);
  void expire(net::List<PatienceLink>& waiting, Time now, std::vector<Ticket>& expired);

  AdmissionLimits limits_;
  std::map<std::string, Caller, std::less<>> callers_;
  std::unordered_map<Ticket, Waiter> waiters_;
  net::List<Caller> turns_;
  net::List<PatienceLink> patient_;
  net::List<PatienceLink> hasty_;
  std::uint32_t running_ = 0;
};

std::string_view to_string(Admission::Answer answer);  // "admitted", "wait", "full", "caller full"

}  // namespace bulkhead::proxy
