#pragma once

// The moment by which a request must have been answered: how it comes in and goes on, and how a service's outgoing
// request is found to be part of an incoming one that has such a moment, or a user. On the wire it is the time that
// remains, as clocks differ. Pure. OpenRequests is for one thread.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/trace.hpp"

namespace bulkhead::proxy {

using DeadlineTime = std::chrono::steady_clock::time_point;
inline constexpr DeadlineTime kNoDeadline = DeadlineTime::max();  // as net::Deadline::never()

// `grpc-timeout` ("PROTOCOL-HTTP2": one to eight digits and one of H M S m u n); anything else is malformed. 0 is one
// that has passed. What exceeds kLongestTimeout is that.
std::optional<std::chrono::nanoseconds> parse_grpc_timeout(std::string_view text);
// The finest unit that fits, rounded up; never less than "1n", as 0 is not allowed.
std::string format_grpc_timeout(std::chrono::nanoseconds left);

// Between sidecars, for HTTP: decimal milliseconds, one to ten digits; 0 is one that has passed. Stripped from what a
// service or a stranger says.
inline constexpr std::string_view kTimeoutField = "x-bulkhead-timeout";
std::optional<std::chrono::nanoseconds> parse_timeout(std::string_view text);
std::string format_timeout(std::chrono::nanoseconds left);  // rounded up, so that 0 only stands for what has passed

// About four months: no request lasts longer, and a sum of it and a steady time does not overflow.
inline constexpr std::chrono::nanoseconds kLongestTimeout = std::chrono::milliseconds(9'999'999'999);

// `timeout` from now, at most kLongestTimeout.
DeadlineTime deadline_after(std::chrono::nanoseconds timeout, DeadlineTime now);
// The same of a setting, where 0 means that there is none.
DeadlineTime deadline_of_setting(std::chrono::milliseconds timeout, DeadlineTime now);
inline DeadlineTime earliest(DeadlineTime one, DeadlineTime other) { return std::min(one, other); }
// What is left until then, not less than 0; nothing where there is no deadline.
std::optional<std::chrono::nanoseconds> time_left(DeadlineTime deadline, DeadlineTime now);

struct EndUser;

// The inbound requests that are being served, by trace. A service's outgoing request names the span that caused it:
// that is the one its sidecar opened for an inbound request, or one that the program opened below it, in the same
// trace.
class OpenRequests {
 public:
  // On the frame of whoever serves; leaves by itself.
  class Entry {
   public:
    Entry() = default;
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry();

   private:
    friend class OpenRequests;
    OpenRequests* owner_ = nullptr;  // none before `add`, and after the table's end
    Entry** slot_ = nullptr;         // what points to this entry
    Entry* next_ = nullptr;
    telemetry::TraceId trace_id_{};
    telemetry::SpanId span_id_{};
    DeadlineTime deadline_ = kNoDeadline;
    std::shared_ptr<const EndUser> user_;
  };

  // `seed` is unpredictable: trace ids come from outside, and none of them may be made to collide.
  explicit OpenRequests(std::uint64_t seed);
  OpenRequests(const OpenRequests&) = delete;
  OpenRequests& operator=(const OpenRequests&) = delete;
  ~OpenRequests();

  // `span` is the context that the service is given. Once for each entry; nothing is allocated but when the table
  // grows.
  void add(Entry& entry, const telemetry::TraceParent& span, DeadlineTime deadline,
           std::shared_ptr<const EndUser> user = nullptr);

  // For an outgoing request that carries `parent`: the deadline of the inbound request of exactly that span, else the
  // latest of the same trace, which can't cut short what another one of them may still do. None is the latest of all.
  // kNoDeadline where nothing of the trace is being served.
  DeadlineTime deadline_of(const telemetry::TraceParent& parent) const;

  // Likewise for whom: the user of exactly that inbound request; else that of all of the same trace, where they have
  // one and the same. Null where that is nobody, or not certain.
  std::shared_ptr<const EndUser> user_of(const telemetry::TraceParent& parent) const;

  std::size_t size() const { return size_; }

 private:
  std::size_t bucket_of(const telemetry::TraceId& trace) const;
  void link(Entry& entry);
  void grow();

  std::uint64_t seed_;
  std::size_t size_ = 0;
  std::vector<Entry*> buckets_;  // chains; a power of two of them
};

}  // namespace bulkhead::proxy
