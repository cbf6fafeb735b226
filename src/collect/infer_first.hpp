#pragma once

// The first guess, from nothing, where the calls of many requests are mixed up: what each call follows, a request's
// start or another call's end, and after which time. A mixture of "after this one" and "after nothing that was seen"
// for each call, whose densities of lags are histograms that expectation maximization finds from flat ones (stochastic
// declustering: Marsan and Lengliné 2008). A peak of few lags at the same time stands out of the many that are there by
// chance. One thread.

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "collect/infer_lattice.hpp"

namespace bulkhead::collect {

// `requests` are sorted by start. Both must outlive it.
class FirstGuess {
 public:
  FirstGuess(std::span<const Interval> requests, const Calls& calls);

  // By call the position of the request that made it, kNone where that is nobody or can't be guessed. What is known
  // stays. Calls that lie within hundreds of requests are left out: there is nothing to learn from them.
  struct Origins {
    std::vector<std::uint32_t> parent;
    std::vector<std::uint32_t> after;  // the request after whose answer it came, where that made it
  };
  Origins origins() const;

 private:
  static constexpr std::size_t kBins = 96;
  using Histogram = std::array<float, kBins>;
  // What is before: a request's start, past them a call's end, past them a request's end. What follows: a call's start,
  // past them a request's end.
  struct Pair {
    std::uint32_t before;
    std::uint16_t link;
    std::uint8_t bin;  // of the lag
    float share;
  };
  struct Link {           // of what is before and what follows, each by its kind
    std::uint32_t kind;   // of what is before
    double expected = 0;  // followers of one such
    Histogram density{};  // of the lag, per µs
    Histogram counted{};
  };

  void pair_calls();
  void pair_ends();
  void pair_answers(std::size_t call, std::size_t answered, std::int64_t reach_us);
  void pair_with_ended(std::size_t count, std::int64_t at_us, std::int64_t reach_us, std::uint32_t follower_kind,
                       std::int64_t within_us);
  void pair(std::uint32_t before, std::uint32_t before_kind, std::uint32_t follower_kind, std::int64_t lag_us);
  void begin();
  void expect();
  void maximize();
  std::int64_t usual_duration() const;
  std::uint32_t item_of(std::uint32_t follower) const;
  static std::size_t bin(std::int64_t lag_us);
  static double width(std::size_t bin);

  std::span<const Interval> requests_;
  const Calls& calls_;
  std::vector<double> of_kind_;  // how many there are: targets, then endpoints, then these again as answered
  std::unordered_map<std::uint64_t, std::uint16_t> link_ids_;
  std::vector<Link> links_;
  std::uint32_t endpoints_ = 0;
  std::vector<std::uint32_t> ended_;     // calls by their end
  std::vector<std::uint32_t> answered_;  // requests by their end
  std::vector<double> nothing_;          // by follower's kind: per µs, after nothing
  std::vector<Pair> pairs_;
  std::vector<std::uint32_t> pairs_end_;  // by follower
};

}  // namespace bulkhead::collect
