#pragma once

// Which request made which call, of a program that forwards no trace headers: its sidecar sees both, with their times,
// and no header that joins them. A call lies within the request that made it; how long the program takes before,
// between and after its calls is learned from the calls themselves, and the likeliest joins follow (the problem and its
// first solution: TraceWeaver, SIGCOMM 2024; the marginals by belief propagation: Williams and Lau 2014, "Approximate
// evaluation of marginal association probabilities").
//
// One Inference for each instance of a service. It belongs to one thread, holds no reference, and reads no clock: `now`
// is passed in, on the clock of the spans. Times are microseconds of one clock (one sidecar saw all of it, so nothing
// is skewed). It never fails: what can't be told is not joined. Memory is bounded by Limits.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace bulkhead::collect {

struct Incoming {
  std::uint64_t id;
  std::uint32_t endpoint;  // small numbers, counted from 0: see PathPatterns
  std::int64_t start_us;
  std::int64_t end_us;
};

struct Outgoing {
  std::uint64_t id;
  std::uint32_t target;  // callee, method and path's pattern; small numbers, counted from 0
  std::int64_t start_us;
  std::int64_t end_us;
  std::optional<std::uint64_t>
      parent;  // the request's id, where a header told it: it is learned from, and not searched for
};

struct Join {
  std::uint64_t outgoing;
  std::uint64_t incoming;
  double confidence;  // of joins with 0.9, nine in ten are right

  bool operator==(const Join&) const = default;
};

struct InferenceLimits {
  std::int64_t longest_us = 30'000'000;  // a request that takes longer may lose calls to others
  std::int64_t patience_us =
      1'000'000;                  // that a span waits for others beyond what it must, so that more are settled at once
  std::size_t held = 100'000;     // spans; beyond, the oldest are settled with what is known
  std::uint32_t kinds = 512;      // endpoints, and targets; spans with greater numbers are left out
  double least_confidence = 0.1;  // joins below it are not worth telling
  std::uint64_t seed = 1;         // of the draws by which it learns: the same spans, the same joins
};

class Inference {
 public:
  explicit Inference(InferenceLimits limits = {});
  ~Inference();
  Inference(Inference&&) noexcept;
  Inference& operator=(Inference&&) noexcept;

  // When they have ended, in about that order. What is no span is left out: an end before the start, a time before
  // 1970.
  void add(const Incoming& request);
  void add(const Outgoing& call);

  // Joins that are final: no request that ends after `now_us` could change them. To be called every second or so while
  // spans come in, and a while after; with INT64_MAX, all that are held are settled. Each outgoing is in at most one
  // join, ever.
  std::vector<Join> settle(std::int64_t now_us);

  std::size_t held() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace bulkhead::collect
