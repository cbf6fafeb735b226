#pragma once

// What flowed over each edge of the trust graph since this process began, and what was refused. Counters only grow;
// whoever reads twice subtracts. One thread.

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "telemetry/histogram.hpp"

namespace bulkhead::telemetry {

// Which end of the edge counted: a call is seen by the caller's sidecar and by the callee's.
enum class Side : std::uint8_t { caller, callee };
std::string_view to_string(Side side);

struct EdgeKey {
  Side side = Side::caller;
  std::string caller;
  std::string callee;
  std::uint16_t port = 0;

  auto operator<=>(const EdgeKey&) const = default;
};

struct EdgeCounts {
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;                       // answers of class 5xx, failed gRPC calls, broken connections
  std::array<std::uint64_t, 6> by_class{};        // [2] counts 2xx; [0] what ended without a status
  std::map<std::string, std::uint64_t> by_cause;  // of the refusals made here: "no_ready_instance"
  Histogram latency;                              // until the answer began; until the end where none did
  std::uint64_t bytes_sent = 0;                   // body bytes towards the callee
  std::uint64_t bytes_received = 0;               // body bytes towards the caller
  std::uint32_t open = 0;                         // in flight now
  std::uint32_t unanswered = 0;                   // of these: those of which no answer has begun
  std::string members;                            // edge_members() of its key

  // A request's life: it comes, its answer begins, it ends. Streams may last for hours, so that the end says nothing of
  // how fast a service is.
  void begin();
  void answer_began(std::chrono::nanoseconds after);
  void end(std::uint16_t status, bool failed, std::string_view cause);
};

class Edges {
 public:
  // Stays where it is for the life of this object.
  EdgeCounts& at(const EdgeKey& key);
  const std::map<EdgeKey, EdgeCounts>& all() const { return counts_; }

  // [{"side","from","to","port","requests","errors","classes","causes","sent","received","open","unanswered",
  //   "p50_us","p99_us","histogram"}]
  nlohmann::json to_json() const;

 private:
  std::map<EdgeKey, EdgeCounts> counts_;
};

struct DenialKey {
  std::string caller;
  std::string callee;
  std::string method;  // or the protocol of an undeclared dial: "tcp"
  std::string path;    // without query; or the address that was dialled
  std::string reason;
  std::string allow{};  // the manifest's line that would allow it, "" where there is none

  auto operator<=>(const DenialKey&) const = default;
};

// Remembers the kinds of refusals, at most kMax of them; further kinds are counted together for each caller.
class Denials {
 public:
  static constexpr std::size_t kMax = 256;

  void count(const DenialKey& key, std::chrono::system_clock::time_point now);
  bool empty() const { return counts_.empty(); }

  // [{"caller","callee","method","path","reason","count","last"}], `last` in milliseconds since 1970; "allow" where
  // there is a line.
  nlohmann::json to_json() const;

 private:
  struct Count {
    std::uint64_t count = 0;
    std::int64_t last_ms = 0;
  };
  std::map<DenialKey, Count> counts_;
};

}  // namespace bulkhead::telemetry
