#pragma once

// What a sidecar's spans say of a program that hands no trace headers on: the calls that begin a trace of their own are
// held against the requests that were under way (infer.hpp). One for each instance; intake's thread; bounded memory.

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "collect/infer.hpp"
#include "collect/infer_paths.hpp"
#include "collect/rows.hpp"

namespace bulkhead::collect {

class Joins {
 public:
  // A hop that this instance's sidecar recorded.
  void add(const SpanRow& span);
  // What is settled by now.
  std::vector<TraceJoin> settle(std::int64_t now_us);

 private:
  void forget(std::int64_t before_us);

  Inference inference_;
  PathPatterns requests_, calls_;
  struct Seen {
    std::uint64_t span = 0;
    std::int64_t end_us = 0;
  };
  std::unordered_map<std::uint64_t, telemetry::TraceId> traces_;  // by span, of those that may still be joined
  std::deque<Seen> order_;
};

}  // namespace bulkhead::collect
