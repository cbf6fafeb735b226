#include "proxy/relay.hpp"

#include "http/hop.hpp"
#include "net/gate.hpp"
#include "proxy/request_body.hpp"
#include "proxy/request_fields.hpp"
#include "proxy/watchdog.hpp"

namespace bulkhead::proxy {

namespace {

constexpr std::string_view kGrpcStatus = "grpc-status";
constexpr std::string_view kClientGone = "client_gone";
constexpr std::string_view kRevoked = "revoked";
constexpr std::string_view kWithdrawn = "the rule that allowed this has been withdrawn";
constexpr net::Duration kClockGrain = std::chrono::milliseconds(5);

// Said by the callee's sidecar before its program saw anything of the request.
bool is_untouched(RefusalCause cause) {
  return cause == RefusalCause::overloaded || cause == RefusalCause::draining || cause == RefusalCause::unreachable;
}

void name_parties(Refusal& refusal, const Visit& visit) {
  if (refusal.caller.empty()) refusal.caller = visit.caller;
  if (refusal.callee.empty()) refusal.callee = visit.callee;
  if (refusal.method.empty()) refusal.method = visit.method;
  if (refusal.path.empty()) refusal.path = visit.path;
}

// What is seldom needed is kept out of line: the compiler would make its frame a part of the one that every request
// holds until its end.
class Relay {
 public:
  Relay(ServerExchange& down, http::Request& request, Destination& destination, Visit& visit, const RelayRules& rules,
        const RelayTerms& terms, net::Loop& loop)
      : down_(down),
        request_(request),
        destination_(&destination),
        visit_(visit),
        rules_(rules),
        terms_(terms),
        loop_(loop),
        body_(down),
        grpc_(http::is_grpc(request.fields)),
        takes_status_(grpc_ && request.version == http::Version::http2),
        watchdog_(loop, [this] { expire(); }) {
    down_.on_gone([this] { stop(gone_); });
    if (terms.call == nullptr) return;
    const bool idempotent = http::is_idempotent(request.method) && !is_tunnel();
    retry_.emplace(terms.call->settings().retries, RequestFacts{idempotent, true, grpc_}, terms.call->budget());
  }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay() { down_.on_gone({}); }

  net::Task<> run() {
    while (true) {
      auto attempt = co_await destination_->next(visit_, terms_.deadline);
      if (gone_) co_return note_gone();
      if (revoked_) co_return co_await refuse_revoked();
      if (attempt) {
        up_ = std::move(*attempt);
        const Next next = co_await try_once();
        watchdog_.stop();
        destination_->ended(outcome_);
        up_.reset();
        if (next == Next::over) co_return;
      } else {
        const Next next = co_await give_up(attempt.error());
        if (next == Next::over) co_return;
      }
      if (fallback_) destination_ = fallback_.get();
      outcome_.reset();
      timed_out_ = false;
      body_.rewind();
      ++visit_.attempts;
    }
  }

  void revoke() { stop(revoked_); }

 private:
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

  net::Task<Next> try_once() {
    destination_->prepare(request_, terms_.deadline);
    watchdog_.start(is_stream() ? defaults::kStreamSilence : defaults::kFirstByte, end_of_try());
    const bool whole = !request_.body && !is_tunnel();
    const auto sent = co_await up_->send_head(request_, whole, loop_.in(defaults::kStalledWrite));
    if (!sent) co_return co_await failed_before_answer(sent.error());
    // Destroyed with this try: a pump that waits for the client's bytes lets go of them unread.
    net::Gate pumps(loop_);
    if (!whole) pumps.spawn(pump_request());
    auto head = co_await read_final_head();
    if (!head) co_return co_await failed_before_answer(head.error());
    const auto cause = take_mark(head->fields);
    if (rules_.edit_answer) rules_.edit_answer(head->fields);
    outcome_ = outcome_of(*head, cause);
    destination_->answered(*outcome_, is_tunnel());
    if (terms_.call != nullptr && is_failure(*outcome_, terms_.call->settings().retries)) {
      const Next next = co_await reconsider(cause);
      if (next == Next::again || answered_instead_) co_return next;
    }
    body_.forget();
    co_await relay_answer(std::move(*head), cause);
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

  TryOutcome outcome_of(const http::Response& head, const std::optional<RefusalCause>& cause) const {
    TryOutcome outcome;
    outcome.status = head.status;
    outcome.refused_by_proxy = cause && is_untouched(*cause);
    if (!grpc_) return outcome;
    if (const auto value = head.fields.find(kGrpcStatus)) outcome.grpc_status = grpc_status_in(*value);
    return outcome;
  }

  static int grpc_status_in(std::string_view value) {
    return static_cast<int>(http::parse_grpc_status(value).value_or(http::GrpcStatus::unknown));
  }

  // The answer's head says that it failed, and the client knows of none yet.
  [[gnu::noinline]] net::Task<Next> reconsider(std::optional<RefusalCause> cause) {
    const bool repeat = co_await may_repeat(*outcome_);
    if (repeat) co_return Next::again;
    const Why why{cause.value_or(RefusalCause::bad_answer), fmt::format("it answered {}", outcome_->status)};
    co_return co_await fall_back(why);
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
    TryOutcome outcome;
    outcome.never_sent = !timed_out_ && up_->never_sent();
    outcome.no_response_byte = up_->no_response_byte();
    outcome.timed_out_try = timed_out_;
    if (!terms_.deadline_is_inherited || !past_deadline()) outcome_ = outcome;
    Why why = why_failed(std::move(fault));
    const bool repeat = co_await may_repeat(outcome);
    if (repeat) co_return Next::again;
    if (gone_) {
      note_gone();
      co_return Next::over;
    }
    visit_.broke_off = true;
    co_return co_await settle(std::move(why));
  }

  Why why_failed(Fault fault) const {
    Why why{RefusalCause::broken_off, std::move(fault.message)};
    if (fault.cause == Cause::protocol) why.cause = RefusalCause::bad_answer;
    if (fault.cause == Cause::unsupported) why.cause = RefusalCause::unsupported_upgrade;
    if (timed_out_ || fault.cause == Cause::timeout) why.cause = RefusalCause::timed_out;
    if (!timed_out_ && up_->never_sent()) why.cause = RefusalCause::unreachable;
    if (past_deadline()) why = {RefusalCause::timed_out, "no answer in the time that this request had"};
    return why;
  }

  // Waits the pause before the repetition, too.
  [[gnu::noinline]] net::Task<bool> may_repeat(TryOutcome outcome) {
    if (past_deadline() || fallback_) co_return false;
    if (outcome.never_sent) co_return body_.replayable();
    // Who waited for minutes in vain does not wait as long again.
    if (timed_out_ && !bounds_tries()) co_return false;
    if (!retry_ || retry_->repetitions() >= terms_.call->settings().retries.max) co_return false;
    if (!body_.replayable()) retry_->not_replayable();
    constexpr std::size_t kFine = std::size_t{1} << 24U;
    const double chance = static_cast<double>((*terms_.draw)(kFine)) / kFine;
    const RetryAction action = retry_->decide(outcome, chance, loop_.now());
    if (action.kind != RetryAction::Kind::again) co_return false;
    const auto pause = loop_.in(action.pause);
    if (pause >= terms_.deadline) co_return false;
    co_await net::sleep(loop_, pause);
    co_return !gone_ && !revoked_;
  }

  net::Task<> relay_answer(http::Response head, std::optional<RefusalCause> cause) {
    if (cause) visit_.cause = facts(*cause).name;
    if (cause && rules_.replace_refusals) {
      co_await answer_refusal({*cause, {}});
      co_return;
    }
    visit_.status = head.status;
    note_grpc(head.fields);
    tunnel_open_ = head.status == 101;
    answering_ = true;
    const bool end = !head.body && !tunnel_open_;
    const auto until = tunnel_open_ ? net::Deadline::never() : terms_.deadline;
    watchdog_.start(is_stream() ? defaults::kStreamSilence : defaults::kBodySilence, until);
    const auto sent = co_await down_.send_head(std::move(head), end);
    if (!sent) co_return break_off();
    if (!end) co_await relay_answer_body();
  }

  net::Task<> relay_answer_body() {
    while (true) {
      awaits_body_ = true;
      const auto part = co_await up_->read_body(net::Deadline::never());
      awaits_body_ = false;
      if (!part) co_return co_await end_early();
      watchdog_.moved();
      visit_.bytes_received += part->data.size();
      const bool end = part->end;
      const bool trailers = end && !up_->trailers().empty();
      if (!part->data.empty() || (end && !trailers)) {
        const auto sent = co_await down_.send_body(part->data, end && !trailers, net::Deadline::never());
        if (!sent) co_return break_off();
      }
      if (trailers) {
        const auto sent = co_await down_.send_trailers(edited_trailers());
        if (!sent) co_return break_off();
      }
      if (end) co_return;
    }
  }

  // Whose refusal this is, if a sidecar says that it is its own.
  std::optional<RefusalCause> take_mark(http::Fields& fields) const {
    const auto mark = rules_.sidecar_behind ? fields.find(kRefusalField) : std::nullopt;
    const auto cause = mark ? refusal_cause(*mark) : std::nullopt;
    strip_identity(fields);
    return cause;
  }

  http::Fields edited_trailers() {
    http::Fields trailers = up_->trailers();
    const auto cause = take_mark(trailers);
    note_grpc(trailers);
    if (cause) visit_.cause = facts(*cause).name;
    if (cause && rules_.replace_refusals) return render_trailers({.cause = *cause}, rules_.audience);
    return trailers;
  }

  // In the middle of an answer there is nothing left to say but that it is not whole.
  void break_off() {
    note_broken();
    if (gone_) return;
    down_.reset(revoked_ ? ResetReason::cancelled : timed_out_ ? ResetReason::timeout : ResetReason::internal);
  }

  // The upstream did not end its answer: gRPC's status can still say why.
  [[gnu::noinline]] net::Task<> end_early() {
    if (!takes_status_ || gone_ || down_.gone()) co_return break_off();
    note_broken();
    Refusal refusal;
    refusal.cause = why_broken();
    if (revoked_) refusal.reason = kWithdrawn;
    visit_.grpc_status = static_cast<int>(facts(refusal.cause).grpc);
    name_parties(refusal, visit_);
    const auto sent = co_await down_.send_trailers(render_trailers(refusal, rules_.audience));
    if (!sent) down_.reset(ResetReason::internal);
  }

  RefusalCause why_broken() const {
    if (revoked_) return RefusalCause::denied;
    return timed_out_ || past_deadline() ? RefusalCause::timed_out : RefusalCause::broken_off;
  }

  void note_broken() {
    broke_ = true;
    if (gone_ || revoked_) outcome_.reset();
    if (gone_) return note_gone();
    if (outcome_) outcome_->broken_off = true;
    if (terms_.deadline_is_inherited && past_deadline()) outcome_.reset();
    visit_.broke_off = true;
    visit_.cause = revoked_ ? kRevoked : facts(why_broken()).name;
  }

  void note_gone() { visit_.cause = kClientGone; }

  void note_grpc(const http::Fields& fields) {
    const auto value = fields.find(kGrpcStatus);
    if (!value) return;
    visit_.grpc_status = grpc_status_in(*value);
    if (outcome_) outcome_->grpc_status = visit_.grpc_status;
  }

  [[gnu::noinline]] net::Task<> refuse_revoked() {
    co_await answer_refusal({RefusalCause::denied, std::string(kWithdrawn)});
  }

  // There is nothing to try.
  [[gnu::noinline]] net::Task<Next> give_up(const Why& why) {
    if (!rules_.give_back || why.cause != RefusalCause::unreachable) co_return co_await settle(why);
    visit_.cause = facts(why.cause).name;
    down_.reset(ResetReason::refused);
    co_return Next::over;
  }

  // Another answer where the call declares one, else the refusal.
  [[gnu::noinline]] net::Task<Next> settle(Why why) {
    const Next next = co_await fall_back(why);
    if (next == Next::over && !answered_instead_) co_await answer_refusal(std::move(why));
    co_return next;
  }

  [[gnu::noinline]] net::Task<Next> fall_back(const Why& why) {
    if (terms_.fallback == nullptr || fallback_ || is_tunnel()) co_return Next::over;
    if (terms_.fallback->status != 0) {
      co_await answer_instead(why);
      co_return Next::over;
    }
    if (!body_.replayable() || past_deadline()) co_return Next::over;
    fallback_ = terms_.fall_back_to();
    if (fallback_) visit_.fell_back = facts(why.cause).name;
    co_return fallback_ ? Next::again : Next::over;
  }

  [[gnu::noinline]] net::Task<> answer_instead(const Why& why) {
    const manifest::Fallback& instead = *terms_.fallback;
    answered_instead_ = true;
    visit_.broke_off = false;
    visit_.fell_back = facts(why.cause).name;
    visit_.status = instead.status;
    http::Response head;
    head.status = instead.status;
    head.content_length = instead.body.size();
    head.body = !instead.body.empty();
    if (!instead.content_type.empty()) head.fields.add("content-type", instead.content_type);
    head.fields.add("proxy-status", fallback_status(rules_, why));
    const bool end = !head.body;
    const auto sent = co_await down_.send_head(std::move(head), end);
    if (!sent || end) co_return;
    static_cast<void>(co_await down_.send_body(instead.body, true, net::Deadline::never()));
  }

  static std::string fallback_status(const RelayRules& rules, const Why& why) {
    const bool stranger = rules.audience == Audience::stranger;
    return http::format_proxy_status(
        {.proxy = stranger ? "gateway" : rules.hop_name, .error = facts(why.cause).proxy_error, .details = "fallback"});
  }

  [[gnu::noinline]] net::Task<> answer_refusal(Why why) {
    Refusal refusal;
    refusal.cause = why.cause;
    refusal.reason = std::move(why.detail);
    visit_.cause = facts(why.cause).name;
    visit_.status = facts(why.cause).status;
    if (grpc_) visit_.grpc_status = static_cast<int>(facts(why.cause).grpc);
    co_await refuse(down_, std::move(refusal), visit_, rules_.audience, rules_.hop_name);
  }

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
};

}  // namespace

net::Task<> relay(ServerExchange& down, http::Request& request, Destination& destination, Visit& visit,
                  const RelayRules& rules, const RelayTerms& terms, Flight& flight, net::Loop& loop) {
  Relay one(down, request, destination, visit, rules, terms, loop);
  flight.revoke = [&one] { one.revoke(); };
  co_await one.run();
  flight.unlink();
}

[[gnu::noinline]] net::Task<> refuse(ServerExchange& down, Refusal refusal, const Visit& visit, Audience audience,
                                     std::string_view hop) {
  name_parties(refusal, visit);
  const bool grpc = visit.protocol == "grpc";
  RefusalAnswer answer = render(refusal, audience, hop, grpc);
  const bool end = answer.body.empty();
  const auto sent = co_await down.send_head(std::move(answer.head), end);
  if (!sent || end) co_return;
  const auto deadline = net::Deadline::never();
  co_await down.send_body(answer.body, true, deadline);
}

}  // namespace bulkhead::proxy
