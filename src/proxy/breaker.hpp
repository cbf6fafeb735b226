#pragma once

// The circuit breaker of one call: while most of its requests fail, the rest are refused at once instead of waiting for
// the same failure. One for each edge, in the caller. Pure.
//
//   closed     everything is admitted. To open when at least `requests` ended in the last `over` and the share of
//              failures among them is `errors` or more.
//   open       everything is refused. To half-open after `open`, which doubles with each failed probe, to eight times.
//   half-open  one request at a time is admitted, the probe; the others are refused. It succeeds: to closed, with fresh
//              counts. It fails: to open. It is forgotten: the next request is the probe.
//
// Whoever was admitted hands the ticket back exactly once, with what it saw. A ticket from before the last change of
// state changes nothing: requests that were admitted before it opened neither close it nor open it again. A probe that
// lasts (a stream, a WebSocket) has succeeded as soon as its answer's head is a good one.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "manifest/resilience.hpp"
#include "proxy/sliding_counts.hpp"

namespace bulkhead::proxy {

class Breaker {
 public:
  using Time = std::chrono::steady_clock::time_point;

  enum class State : std::uint8_t { closed, open, half_open };

  struct Ticket {
    std::uint64_t era = 0;
    bool operator==(const Ticket&) const = default;
  };

  struct Admission {
    enum class Verdict : std::uint8_t { allowed, probe, refused };
    Verdict verdict = Verdict::refused;
    Ticket ticket;                     // none where refused
    std::chrono::milliseconds left{};  // refused: until a probe is admitted, rounded up; 0 while one is out
    bool refused() const { return verdict == Verdict::refused; }
    bool operator==(const Admission&) const = default;
  };

  explicit Breaker(const manifest::Breaker& settings);
  // Other settings from now on; counts, state and the time it reopens stay.
  void configure(const manifest::Breaker& settings, Time now);

  Admission admit(Time now);
  void succeeded(Ticket ticket, Time now);
  // `why` is for people: "503", "refused the connection". At most kWhy bytes of it are kept.
  void failed(Ticket ticket, std::string_view why, Time now);
  // It ended without telling anything of the callee: the client went away, or it never was sent for want of an
  // instance.
  void forgotten(Ticket ticket);

  State state(Time now) const;
  // Why it is not closed: "12 of 20 requests failed in 10s, the last: 503", and what became of the probes since. Empty
  // while closed.
  std::string reason() const;
  // Until a probe is admitted, rounded up; 0 where it is not open.
  std::chrono::milliseconds left(Time now) const;

  static constexpr std::size_t kWhy = 200;

 private:
  void open(Time now);
  void close();

  manifest::Breaker settings_;
  SlidingCounts ended_;  // all, failed
  bool closed_ = true;
  bool probing_ = false;
  std::uint64_t era_ = 1;
  std::uint32_t failed_probes_ = 0;
  Time opens_until_;
  std::string reason_;
  std::string last_probe_;
};

std::string_view to_string(Breaker::State state);  // "closed", "open", "half-open"
// "allowed", "probe", "refused for 5s", "refused while a probe is out"
std::string to_string(const Breaker::Admission& admission);

}  // namespace bulkhead::proxy
