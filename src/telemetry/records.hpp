#pragma once

// The local, bounded, append-only record of one sidecar: a file of JSON lines, rotated by size, readable by its owner
// alone. What happened is kept here first; whoever collects it comes later. A line never holds a query string, a header
// value or a body. Appending copies into a bounded buffer that a thread of its own writes out, so that the data path
// never waits for a disk; what meets a full disk stays there and is tried again, what does not fit is dropped and
// counted, and a later line says how many ("type":"dropped"). A file that another one came before begins with how many
// lines those before it had ("type":"file","before"), so that a reader knows what it never saw. Values of secrets,
// which a program may put into a path, are hidden by that thread.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "telemetry/secret_marks.hpp"
#include "telemetry/trace.hpp"

namespace bulkhead::telemetry {

using WallTime = std::chrono::system_clock::time_point;
inline std::int64_t unix_micros(WallTime time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

// One request or raw connection as one hop saw it: a span, and the access record of its edge.
struct Span {
  TraceParent context;
  std::optional<SpanId> parent;
  std::string_view request_id;  // "" where it is request_id_of() the trace
  std::string_view user;        // that it was made for, as its provider names it; "" where that is nobody
  std::string_view hop;         // "inner", "outer", "gateway", "egress"
  std::string_view edge;        // edge_members()
  std::string_view instance;    // that answered
  std::string_view protocol;    // "http/1.1", "h2", "grpc", "websocket", "tcp"
  std::string_view method;
  std::string_view path;       // a query is cut off here
  std::uint16_t status = 0;    // 0: ended without one
  int grpc_status = -1;        // -1: not gRPC
  std::string_view cause;      // of a refusal made here, or why it broke off
  std::string_view fell_back;  // why another answer than the callee's was given; "" where none was
  WallTime start;
  std::chrono::nanoseconds duration{};
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint32_t attempts = 1;
  std::string_view detail;    // more of the cause, for a person; nothing of a header's value or a body
  std::string_view rule;      // of the call, where something of it is to be explained: "checkout.calls.payments"
  std::string_view no_retry;  // why what failed was not tried once more: "budget is spent"; static
  std::chrono::nanoseconds queued{};    // of `duration`: until there was a place
  std::chrono::nanoseconds injected{};  // of `duration`: because the manifest asks for it
};

// An attempt that policy refused, or would have.
struct Denied {
  std::string_view subject;  // the caller, as it proved to be; "" for a stranger
  std::string_view object;   // the callee
  std::string_view owner;    // of the callee; "" where the manifest names none
  std::string_view action;   // "POST /charges", "tcp :5432"
  std::string_view verdict;  // "denied" or "unknown"; "audited" or "learned" of what passed
  std::string_view rule;     // that denied it, or the nearest one that did not allow it
  std::string_view rule_at;  // where the manifest has it: "bulkhead.yaml:12:5"
  std::string_view reason;
  std::string_view allow;  // the manifest's line that would
  std::string_view hop;
  std::string_view trace_id;
  std::string_view request_id;
  std::string_view user;       // as of a span
  std::uint64_t repeated = 1;  // how often since the last line about it
  WallTime time;
};

// A dial or a name that nobody declared.
struct UndeclaredDial {
  std::string_view caller;
  std::string_view target;    // "10.0.0.5:5432" or a name
  std::string_view protocol;  // "tcp", "udp", "dns", "icmp"
  std::string_view allow;
  std::uint64_t repeated = 1;  // how often since the last line about it
  WallTime time;
};

// Caller and callee (service names) and port of a span, as they stand in its line: written once for all of an edge.
std::string edge_members(std::string_view caller, std::string_view callee, std::uint16_t port);

// One line each, without the line feed, in memory of the thread's that the next one overwrites. Invalid UTF-8 is
// replaced.
std::string_view to_line(const Span& span);
std::string_view to_line(const Denied& denied);
std::string_view to_line(const UndeclaredDial& dial);

class Records {
 public:
  struct Options {
    std::string path;
    std::size_t file_bytes = 16U << 20U;  // a file that reached this becomes path.1, and so on
    unsigned old_files = 3;
    std::size_t buffer_bytes = 1U << 20U;
    std::chrono::milliseconds flush_every{200};
  };

  static Result<std::unique_ptr<Records>> open(Options options);
  ~Records();  // writes what was appended
  Records(const Records&) = delete;
  Records& operator=(const Records&) = delete;

  // From any thread. `line` is one JSON object without a line feed.
  void append(std::string_view line);
  template <class Record>
    requires requires(const Record& record) { to_line(record); }
  void append(const Record& record) {
    append(to_line(record));
  }

  // From now on what is written says none of the secrets that `marks` finds; null: of none. From any thread.
  void hide(std::shared_ptr<const SecretMarks> marks);

  // Waits until what was appended has been written, or dropped where it can't be. For the end of a process.
  void flush();
  std::uint64_t dropped() const;

 private:
  class Writer;
  explicit Records(std::unique_ptr<Writer> writer);
  std::unique_ptr<Writer> writer_;
};

}  // namespace bulkhead::telemetry
