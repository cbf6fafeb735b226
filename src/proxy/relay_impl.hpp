#pragma once

// One request on its way through a proxy. Not for anyone but relay.cpp, where what each request does stands together,
// and relay_failure.cpp, for what goes wrong: kept apart lest the compiler make its coroutines' frames a part of the
// one that every request holds until its end.

#include "http/grpc.hpp"
#include "net/gate.hpp"
#include "proxy/relay.hpp"
#include "proxy/request_body.hpp"
#include "proxy/watchdog.hpp"

namespace bulkhead::proxy {

class Relay {
 public:
  Relay(ServerExchange& down, http::Request& request, Destination& destination, Visit& visit, const RelayRules& rules,
        const RelayTerms& terms, net::Loop& loop);
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay() { down_.on_gone({}); }

  net::Task<> run();
  void revoke() { stop(revoked_); }

 private:
  static constexpr std::string_view kClientGone = "client_gone";
  static constexpr net::Duration kClockGrain = std::chrono::milliseconds(5);

  enum class Next : std::uint8_t { over, again };

  bool is_tunnel() const { return !request_.protocol.empty(); }
  bool is_stream() const { return is_tunnel() || grpc_; }
  // A gRPC program was told the deadline: its clock may be a little ahead, and what it breaks off then is no failure.
  bool past_deadline() const { return terms_.deadline.passed(loop_.now() + (grpc_ ? kClockGrain : net::Duration(0))); }

  void stop(bool& why) {
    why = true;
    destination_->abandon();
    if (up_) up_->reset(ResetReason::cancelled);
  }

  void expire() {
    timed_out_ = true;
    if (up_) up_->reset(ResetReason::timeout);
    if (answering_ && !(takes_status_ && awaits_body_)) down_.reset(ResetReason::timeout);
  }

  bool bounds_tries() const { return terms_.call != nullptr && terms_.call->settings().retries.per_try.count() > 0; }
  net::Deadline end_of_try() const {
    if (!bounds_tries()) return terms_.deadline;
    return std::min(terms_.deadline, loop_.in(terms_.call->settings().retries.per_try));
  }

  // relay.cpp
  net::Task<Next> try_once();
  net::Task<> pump_request();
  net::Task<Result<http::Response>> read_final_head();
  TryOutcome outcome_of(const http::Response& head, const std::optional<RefusalCause>& cause) const;
  net::Task<> relay_answer(http::Response head, std::optional<RefusalCause> cause);
  net::Task<> relay_answer_body();
  // Whose refusal this is, if a sidecar says that it is its own.
  std::optional<RefusalCause> take_mark(http::Fields& fields) const;
  http::Fields edited_trailers();
  void note_grpc(const http::Fields& fields);
  void note_gone() { visit_.cause = kClientGone; }
  bool exceeds(std::uint64_t size, std::uint64_t most, RefusalCause cause);

  // relay_failure.cpp
  // The answer's head says that it failed, and the client knows of none yet.
  net::Task<Next> reconsider(std::optional<RefusalCause> cause);
  // Nothing has been said to the client yet.
  net::Task<Next> failed_before_answer(Fault fault);
  Why why_failed(Fault fault) const;
  // Waits the pause before the repetition, too.
  net::Task<bool> may_repeat(TryOutcome outcome);
  // In the middle of an answer there is nothing left to say but that it is not whole.
  void break_off();
  // The upstream did not end its answer: gRPC's status can still say why.
  net::Task<> end_early();
  RefusalCause why_broken() const;
  void note_broken();
  net::Task<> refuse_revoked();
  // There is nothing to try.
  net::Task<Next> give_up(const Why& why);
  // Another answer where the call declares one, else the refusal.
  net::Task<Next> settle(Why why);
  net::Task<Next> fall_back(const Why& why);
  net::Task<> answer_instead(const Why& why);
  net::Task<> answer_refusal(Why why);

  ServerExchange& down_;
  http::Request& request_;
  Destination* destination_;
  Visit& visit_;
  const RelayRules& rules_;
  const RelayTerms& terms_;
  net::Loop& loop_;
  RequestBody body_;
  const bool grpc_;
  const bool takes_status_;  // the client looks for one in the trailers
  Watchdog watchdog_;
  std::optional<RetryPolicy> retry_;
  std::unique_ptr<Destination> fallback_;
  std::unique_ptr<ClientExchange> up_;
  std::optional<TryOutcome> outcome_;  // of the last try
  bool gone_ = false;
  bool revoked_ = false;
  bool timed_out_ = false;
  bool tunnel_open_ = false;
  bool answering_ = false;
  bool awaits_body_ = false;
  bool answered_instead_ = false;
  bool broke_ = false;
  bool body_failed_ = false;
  std::uint64_t sent_ = 0;                // of the request's body, in this try
  std::optional<RefusalCause> exceeded_;  // a body is larger than it may be
};

}  // namespace bulkhead::proxy
