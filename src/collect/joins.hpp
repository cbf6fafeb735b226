#pragma once

// What a sidecar's spans say of a program that hands no trace headers on: the calls that begin a trace of their own are
// held against the requests that were under way (infer.hpp). Bounded memory.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "collect/infer.hpp"
#include "collect/infer_paths.hpp"
#include "collect/rows.hpp"

namespace bulkhead::collect {

// What is needed of a hop that a sidecar recorded.
struct Hop {
  explicit Hop(const SpanRow& row);

  telemetry::TraceId trace{};
  std::uint64_t span = 0, parent = 0;
  std::int64_t start_us = 0, end_us = 0;
  bool request = false;  // "inner"; else a call
  std::string kind;      // "GET"; of a call "payments GET"
  std::string path;
};

// Of one instance; one thread.
class Joins {
 public:
  void add(const Hop& hop);
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

// Of all instances, in a thread of its own: to learn how a busy service goes about its calls takes seconds, for which
// nobody who reads is to wait. All methods are for one other thread.
class Joiner {
 public:
  explicit Joiner(std::size_t most_waiting = 100'000);  // hops, of about 200 octets
  ~Joiner();
  Joiner(const Joiner&) = delete;
  Joiner& operator=(const Joiner&) = delete;

  // What a round of reading found: it counts with keep(), and not at all with go_back(), as it is read again then.
  void add(const std::string& instance, const SpanRow& row);
  void keep();
  void go_back() { round_.clear(); }
  // About once a second: what was kept is looked at, as of `now_us`, by when all that is older had been read. What is
  // more than may wait is left out.
  void look(std::int64_t now_us);

  struct Settled {
    std::vector<TraceJoin> joins;
    std::map<std::string, std::uint64_t> left_out;  // hops, by instance
    bool empty() const { return joins.empty() && left_out.empty(); }
  };
  // What is new since the last call.
  Settled take();

 private:
  using Hops = std::map<std::string, std::vector<Hop>>;
  struct Look {
    Hops hops;
    std::int64_t now_us = 0;
  };
  void run();

  const std::size_t most_waiting_;
  Hops round_, kept_;
  std::map<std::string, std::uint64_t> left_out_;
  std::map<std::string, Joins> joins_;  // its thread's
  std::mutex mutex_;                    // guards what follows
  std::condition_variable wake_;
  std::deque<Look> looks_;
  std::size_t waiting_ = 0;  // hops in looks_
  std::vector<TraceJoin> settled_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace bulkhead::collect
