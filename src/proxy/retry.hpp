#pragma once

// Whether a request that failed is sent again, and when. Pure: time and chance are passed in.
//
//   never sent                again at once, whatever the settings say. Counts against nothing: how long a request may
//                             wait for an instance is bounded elsewhere (the hold).
//   refused by the callee's   again after a pause if the body can be replayed. The program saw nothing of it, so
//   neither sidecar                   the method nor `max` matters, but it spends from the budget: repeating what an
//   overloaded
//                             callee sheds is load too.
//   any other failure         again after a pause if the body can be replayed, fewer than `max` repetitions were made,
//                             the request is idempotent (gRPC never is) or `unsafe` is set, nothing of an answer was
//                             taken on, and the budget has one left.
//
// The pause is drawn from [0, backoff × 2^n], at most most_backoff, where n are the repetitions before it ("full
// jitter": clients that failed together do not return together).

#include <chrono>
#include <cstdint>
#include <string>

#include "manifest/resilience.hpp"
#include "proxy/defaults.hpp"
#include "proxy/sliding_counts.hpp"

namespace bulkhead::proxy {

// What became of one try.
struct TryOutcome {
  bool never_sent = false;        // not a byte of it reached the callee's program
  bool no_response_byte = false;  // nothing came back
  bool timed_out_try = false;     // `per_try` ended without a head
  bool broken_off = false;        // the answer ended before its end
  bool refused_by_proxy = false;  // the callee's sidecar answered by itself: overloaded or draining
  std::uint16_t status = 0;       // 0: no head
  int grpc_status = -1;           // -1: none. To be repeated it must stand in the head (a trailers-only answer).
};

// What counts as a failure of the callee, for retries, breaker and outliers alike: no head, an answer that broke off,
// 502, 503, 504 or a status of `on`, gRPC UNAVAILABLE.
bool is_failure(const TryOutcome& outcome, const manifest::Retries& settings);
// The same for a person: "503", "gRPC 14", "no answer in time", "no answer", "never sent", "broken off".
std::string describe(const TryOutcome& outcome);

// How many repetitions one call may make: a share of the requests of the last ten seconds, and three a second beside.
// It bounds what retries add to the load of a callee that is failing. One for each edge, in the caller.
class RetryBudget {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit RetryBudget(manifest::Share share) : share_(share) {}
  void configure(manifest::Share share) { share_ = share; }

  void deposit(Time now);   // a request came; its repetitions are not requests
  bool withdraw(Time now);  // whether one more repetition may be made; it is counted then

 private:
  bool withdraw_floor(Time now);

  manifest::Share share_;
  SlidingCounts counts_{defaults::kRetryWindow};  // requests, repetitions that they paid for
  double floor_ = defaults::kRetryFloor;          // repetitions that are free
  Time floor_at_{};
};

struct RequestFacts {
  bool idempotent = false;  // by its method (RFC 9110 §9.2.2)
  bool replayable = false;  // all of its body that was sent is still held
  bool grpc = false;
};

struct RetryAction {
  enum class Kind : std::uint8_t {
    again,            // after `pause`
    no_failure,       // take what came
    not_replayable,   // its body is gone
    not_idempotent,   // it may have been done already
    answer_begun,     // a part of the answer came
    tried_enough,     // `max`
    budget_is_spent,  // too many requests of this call are repetitions already
  };
  Kind kind = Kind::no_failure;
  std::chrono::nanoseconds pause{0};
  bool operator==(const RetryAction&) const = default;
};
std::string_view name_of(RetryAction::Kind kind);  // "again", "budget is spent"
std::string to_string(const RetryAction& action);  // "again at once", "again after 25ms", "not idempotent", ...

// One for each request.
class RetryPolicy {
 public:
  using Time = RetryBudget::Time;

  // `settings` and `budget` outlive it.
  RetryPolicy(const manifest::Retries& settings, RequestFacts facts, RetryBudget& budget)
      : settings_(settings), facts_(facts), budget_(budget) {}

  // The body grew beyond what is kept, or was let go.
  void not_replayable() { facts_.replayable = false; }

  // After each try. `chance` is uniform in [0, 1).
  RetryAction decide(const TryOutcome& outcome, double chance, Time now);

  // Made so far, those of what was never sent aside.
  std::uint32_t repetitions() const { return repetitions_; }

 private:
  // Why it can't be sent again, or `again`.
  RetryAction::Kind judge(const TryOutcome& outcome) const;
  std::chrono::nanoseconds pause(double chance) const;

  const manifest::Retries& settings_;
  RequestFacts facts_;
  RetryBudget& budget_;
  std::uint32_t repetitions_ = 0;
  std::uint32_t counted_ = 0;  // of those, the ones that `max` bounds
};

}  // namespace bulkhead::proxy
