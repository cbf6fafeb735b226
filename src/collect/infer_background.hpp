#pragma once

// Calls that no request makes while it lasts: of timers and queues, which come at any time, and what a program does
// after it has answered. The rate of the first is counted where no request is under way, and where requests could not
// have made what was seen; of the second the lag after answers is learned. One thread.

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "collect/infer_batch.hpp"
#include "collect/infer_gaps.hpp"

namespace bulkhead::collect {

class Background {
 public:
  // Fills batch.nobody.
  void weigh(Batch& batch) const;

  // `after`: by call, the request after whose answer it came, as first guessed.
  void learn_first(const Batch& batch, std::span<const std::uint32_t> after);

  // From what ended by `until_us`: nobody's is the probability that no request made it, by call.
  void learn(const Batch& batch, std::span<const double> nobodys, std::int64_t until_us);

  void reset() { *this = {}; }

 private:
  struct Rate {
    double calls = 0, within = 0, outside = 0;  // all; nobody's within requests; within no request
  };
  struct After {
    double calls = 0;
    Gaps lag;
  };
  double rate(std::size_t target) const;
  template <class Visit>
  void visit_answers(const Batch& batch, Visit&& visit) const;

  std::vector<Rate> rates_;                                         // by target
  double span_us_ = 0, idle_us_ = 0;                                // counted; without a request
  std::vector<double> requests_;                                    // by endpoint
  std::map<std::pair<std::uint32_t, std::uint32_t>, After> after_;  // endpoint, target
};

}  // namespace bulkhead::collect
