#include "proxy/relay.hpp"

#include "net/gate.hpp"
#include "proxy/request_body.hpp"

namespace bulkhead::proxy {

namespace {

constexpr std::string_view kGrpcStatus = "grpc-status";
constexpr std::string_view kClientGone = "client_gone";
constexpr std::string_view kRevoked = "revoked";

// Notices when nothing has moved for too long. Moving costs a store; the timer finds out later whether it has to wait
// on.
class Watchdog {
 public:
  Watchdog(net::Loop& loop, std::function<void()> expired)
      : loop_(loop), expired_(std::move(expired)), timer_(&Watchdog::check, this) {}

  void start(net::Duration limit) {
    limit_ = limit;
    last_ = loop_.now();
    loop_.arm(timer_, loop_.in(limit));
  }
  void moved() { last_ = loop_.now(); }

 private:
  static void check(void* self) {
    auto& dog = *static_cast<Watchdog*>(self);
    const auto due = dog.last_ + dog.limit_;
    if (due > dog.loop_.now()) return dog.loop_.arm(dog.timer_, net::Deadline(due));
    dog.expired_();
  }

  net::Loop& loop_;
  std::function<void()> expired_;
  net::Timer timer_;
  net::Duration limit_{};
  net::SteadyTime last_;
};

// What is seldom needed is kept out of line: the compiler would make its frame a part of the one that every request
// holds until its end.
class Relay {
 public:
  Relay(ServerExchange& down, const http::Request& request, Destination& destination, Visit& visit,
        const RelayRules& rules, net::Loop& loop)
      : down_(down),
        request_(request),
        destination_(destination),
        visit_(visit),
        rules_(rules),
        loop_(loop),
        body_(down),
        watchdog_(loop, [this] { expire(); }) {
    down_.on_gone([this] { stop(gone_); });
  }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay() { down_.on_gone({}); }

  net::Task<> run() {
    while (true) {
      auto attempt = co_await destination_.next(visit_);
      if (gone_) co_return note_gone();
      if (revoked_) co_return co_await refuse_revoked();
      if (!attempt) co_return co_await give_up(attempt.error());
      up_ = std::move(*attempt);
      const Next next = co_await try_once();
      const bool never_sent = next == Next::again;
      destination_.ended(never_sent);
      up_.reset();
      if (!never_sent) co_return;
      body_.rewind();
      ++visit_.attempts;
    }
  }

  void revoke() { stop(revoked_); }

 private:
  enum class Next : std::uint8_t { over, again };

  bool is_tunnel() const { return !request_.protocol.empty(); }
  bool is_stream() const { return is_tunnel() || http::is_grpc(request_.fields); }

  void stop(bool& why) {
    why = true;
    destination_.abandon();
    if (up_) up_->reset(ResetReason::cancelled);
  }

  void expire() {
    timed_out_ = true;
    if (up_) up_->reset(ResetReason::timeout);
  }

  net::Task<Next> try_once() {
    watchdog_.start(is_stream() ? defaults::kStreamSilence : defaults::kFirstByte);
    const bool whole = !request_.body && !is_tunnel();
    const auto sent = co_await up_->send_head(request_, whole, loop_.in(defaults::kStalledWrite));
    if (!sent) co_return co_await failed_before_answer(sent.error());
    // Destroyed with this try: a pump that waits for the client's bytes lets go of them unread.
    net::Gate pumps(loop_);
    if (!whole) pumps.spawn(pump_request());
    auto head = co_await read_final_head();
    if (!head) co_return co_await failed_before_answer(head.error());
    destination_.answered();
    body_.forget();
    co_await relay_answer(std::move(*head));
    if (tunnel_open_ && !broke_) co_await pumps.close();
    co_return Next::over;
  }

  net::Task<> pump_request() {
    while (true) {
      const auto part = co_await body_.next();
      if (!part) {
        // The client broke off: what it asked for must not look complete to the upstream.
        body_failed_ = true;
        up_->reset(ResetReason::cancelled);
        co_return;
      }
      watchdog_.moved();
      const bool trailers = part->end && !down_.trailers().empty();
      const bool end = part->end;
      visit_.bytes_sent += part->data.size();
      if (!part->data.empty() || (end && !trailers)) {
        const auto sent = co_await up_->send_body(part->data, end && !trailers, net::Deadline::never());
        if (!sent) co_return;
      }
      if (trailers) {
        const auto sent = co_await up_->send_trailers(down_.trailers());
        if (!sent) co_return;
      }
      if (end) co_return;
    }
  }

  net::Task<Result<http::Response>> read_final_head() {
    while (true) {
      auto head = co_await up_->read_head(net::Deadline::never());
      watchdog_.moved();
      if (!head || !head->interim()) co_return head;
      const auto sent = co_await down_.send_informational(std::move(*head));
      if (!sent) co_return fail(sent.error());
    }
  }

  // Nothing has been said to the client yet.
  [[gnu::noinline]] net::Task<Next> failed_before_answer(Fault fault) {
    if (gone_ || down_.gone()) {
      note_gone();
      co_return Next::over;
    }
    if (revoked_) {
      co_await refuse_revoked();
      co_return Next::over;
    }
    if (body_failed_) {
      co_await answer_refusal({RefusalCause::bad_request, "the request's body did not come whole"});
      co_return Next::over;
    }
    if (!timed_out_ && up_->never_sent() && body_.replayable()) co_return Next::again;
    Why why{RefusalCause::broken_off, std::move(fault.message)};
    if (fault.cause == Cause::protocol) why.cause = RefusalCause::bad_answer;
    if (fault.cause == Cause::unsupported) why.cause = RefusalCause::unsupported_upgrade;
    if (timed_out_ || fault.cause == Cause::timeout) why.cause = RefusalCause::timed_out;
    if (up_->never_sent()) why.cause = RefusalCause::unreachable;
    visit_.broke_off = true;
    co_await answer_refusal(why);
    co_return Next::over;
  }

  net::Task<> relay_answer(http::Response head) {
    const auto cause = rules_.edit_answer ? rules_.edit_answer(head) : std::nullopt;
    if (cause) visit_.cause = facts(*cause).name;
    if (cause && rules_.replace_refusals) {
      co_await answer_refusal({*cause, {}});
      co_return;
    }
    visit_.status = head.status;
    note_grpc(head.fields);
    tunnel_open_ = head.status == 101;
    const bool end = !head.body && !tunnel_open_;
    if (is_stream()) watchdog_.start(defaults::kStreamSilence);
    if (!is_stream()) watchdog_.start(defaults::kBodySilence);
    const auto sent = co_await down_.send_head(std::move(head), end);
    if (!sent) co_return break_off();
    if (!end) co_await relay_answer_body();
  }

  net::Task<> relay_answer_body() {
    while (true) {
      const auto part = co_await up_->read_body(net::Deadline::never());
      if (!part) co_return break_off();
      watchdog_.moved();
      visit_.bytes_received += part->data.size();
      const bool end = part->end;
      const bool trailers = end && !up_->trailers().empty();
      if (!part->data.empty() || (end && !trailers)) {
        const auto sent = co_await down_.send_body(part->data, end && !trailers, net::Deadline::never());
        if (!sent) co_return break_off();
      }
      if (trailers) {
        note_grpc(up_->trailers());
        const auto sent = co_await down_.send_trailers(up_->trailers());
        if (!sent) co_return break_off();
      }
      if (end) co_return;
    }
  }

  // In the middle of an answer there is nothing left to say but that it is not whole.
  void break_off() {
    broke_ = true;
    if (gone_) return note_gone();
    visit_.broke_off = true;
    visit_.cause = revoked_ ? kRevoked : facts(timed_out_ ? RefusalCause::timed_out : RefusalCause::broken_off).name;
    down_.reset(revoked_ ? ResetReason::cancelled : timed_out_ ? ResetReason::timeout : ResetReason::internal);
  }

  void note_gone() { visit_.cause = kClientGone; }

  void note_grpc(const http::Fields& fields) {
    const auto value = fields.find(kGrpcStatus);
    if (!value) return;
    const auto status = http::parse_grpc_status(*value);
    visit_.grpc_status = static_cast<int>(status.value_or(http::GrpcStatus::unknown));
  }

  [[gnu::noinline]] net::Task<> refuse_revoked() {
    co_await answer_refusal({RefusalCause::denied, "the rule that allowed this has been withdrawn"});
  }

  [[gnu::noinline]] net::Task<> give_up(const Why& why) {
    if (rules_.give_back && why.cause == RefusalCause::unreachable) {
      visit_.cause = facts(why.cause).name;
      down_.reset(ResetReason::refused);
      co_return;
    }
    co_await answer_refusal(why);
  }

  [[gnu::noinline]] net::Task<> answer_refusal(Why why) {
    Refusal refusal;
    refusal.cause = why.cause;
    refusal.reason = std::move(why.detail);
    visit_.cause = facts(why.cause).name;
    visit_.status = facts(why.cause).status;
    if (http::is_grpc(request_.fields)) visit_.grpc_status = static_cast<int>(facts(why.cause).grpc);
    co_await refuse(down_, std::move(refusal), visit_, rules_.audience, rules_.hop_name);
  }

  ServerExchange& down_;
  const http::Request& request_;
  Destination& destination_;
  Visit& visit_;
  const RelayRules& rules_;
  net::Loop& loop_;
  RequestBody body_;
  Watchdog watchdog_;
  std::unique_ptr<ClientExchange> up_;
  bool gone_ = false;
  bool revoked_ = false;
  bool timed_out_ = false;
  bool tunnel_open_ = false;
  bool broke_ = false;
  bool body_failed_ = false;
};

}  // namespace

net::Task<> relay(ServerExchange& down, const http::Request& request, Destination& destination, Visit& visit,
                  const RelayRules& rules, Flight& flight, net::Loop& loop) {
  Relay one(down, request, destination, visit, rules, loop);
  flight.revoke = [&one] { one.revoke(); };
  co_await one.run();
  flight.unlink();
}

[[gnu::noinline]] net::Task<> refuse(ServerExchange& down, Refusal refusal, const Visit& visit, Audience audience,
                                     std::string_view hop) {
  if (refusal.caller.empty()) refusal.caller = visit.caller;
  if (refusal.callee.empty()) refusal.callee = visit.callee;
  if (refusal.method.empty()) refusal.method = visit.method;
  if (refusal.path.empty()) refusal.path = visit.path;
  const bool grpc = visit.protocol == "grpc";
  RefusalAnswer answer = render(refusal, audience, hop, grpc);
  const bool end = answer.body.empty();
  const auto sent = co_await down.send_head(std::move(answer.head), end);
  if (!sent || end) co_return;
  const auto deadline = net::Deadline::never();
  co_await down.send_body(answer.body, true, deadline);
}

}  // namespace bulkhead::proxy
