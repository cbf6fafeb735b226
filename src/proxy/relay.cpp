#include "http/hop.hpp"
#include "proxy/relay_impl.hpp"
#include "proxy/request_fields.hpp"

namespace bulkhead::proxy {
namespace {

constexpr std::string_view kGrpcStatus = "grpc-status";
constexpr std::string_view kProxyStatus = "proxy-status";

// Said by the callee's sidecar before its program saw anything of the request.
bool is_untouched(RefusalCause cause) {
  return cause == RefusalCause::overloaded || cause == RefusalCause::draining || cause == RefusalCause::unreachable;
}

int grpc_status_in(std::string_view value) {
  return static_cast<int>(http::parse_grpc_status(value).value_or(http::GrpcStatus::unknown));
}

}  // namespace

Relay::Relay(ServerExchange& down, http::Request& request, Destination& destination, Visit& visit,
             const RelayRules& rules, const RelayTerms& terms, net::Loop& loop)
    : down_(down),
      request_(request),
      destination_(&destination),
      visit_(visit),
      rules_(rules),
      terms_(terms),
      loop_(loop),
      body_(down),
      grpc_(visit.grpc()),
      takes_status_(grpc_ && request.version == http::Version::http2),
      watchdog_(loop, [this] { expire(); }) {
  down_.on_gone([this] { stop(gone_); });
  if (terms.call == nullptr) return;
  const bool idempotent = http::is_idempotent(request.method) && !is_tunnel();
  retry_.emplace(terms.call->settings().retries, RequestFacts{idempotent, true, grpc_}, terms.call->budget());
}

net::Task<> Relay::run() {
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

net::Task<Relay::Next> Relay::try_once() {
  destination_->prepare(request_, terms_.deadline);
  sent_ = 0;
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
  if (rules_.replace_refusals) head->fields.remove(kProxyStatus);
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

net::Task<> Relay::pump_request() {
  while (true) {
    const auto part = co_await body_.next();
    if (!part) {
      // The client broke off: what it asked for must not look complete to the upstream.
      body_failed_ = true;
      up_->reset(ResetReason::cancelled);
      co_return;
    }
    watchdog_.moved();
    sent_ += part->data.size();
    if (exceeds(sent_, rules_.most_request, RefusalCause::request_too_large)) {
      body_failed_ = true;
      up_->reset(ResetReason::cancelled);
      co_return;
    }
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

bool Relay::exceeds(std::uint64_t size, std::uint64_t most, RefusalCause cause) {
  if (most == 0 || size <= most || is_tunnel()) return false;
  exceeded_ = cause;
  return true;
}

net::Task<Result<http::Response>> Relay::read_final_head() {
  while (true) {
    auto head = co_await up_->read_head(net::Deadline::never());
    watchdog_.moved();
    if (!head || !head->interim()) co_return head;
    const auto sent = co_await down_.send_informational(std::move(*head));
    if (!sent) co_return fail(sent.error());
  }
}

TryOutcome Relay::outcome_of(const http::Response& head, const std::optional<RefusalCause>& cause) const {
  TryOutcome outcome;
  outcome.status = head.status;
  outcome.refused_by_proxy = cause && is_untouched(*cause);
  if (!grpc_) return outcome;
  if (const auto value = head.fields.find(kGrpcStatus)) outcome.grpc_status = grpc_status_in(*value);
  return outcome;
}

net::Task<> Relay::relay_answer(http::Response head, std::optional<RefusalCause> cause) {
  if (cause) visit_.cause = facts(*cause).name;
  if (cause && rules_.replace_refusals) {
    co_await answer_refusal({*cause, {}});
    co_return;
  }
  const std::uint64_t declared = head.body ? head.content_length.value_or(0) : 0;
  if (exceeds(declared, rules_.most_answer, RefusalCause::answer_too_large)) {
    outcome_.reset();
    co_return co_await answer_refusal({*exceeded_, {}});
  }
  visit_.status = head.status;
  visit_.answer_began();
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

net::Task<> Relay::relay_answer_body() {
  while (true) {
    awaits_body_ = true;
    const auto part = co_await up_->read_body(net::Deadline::never());
    awaits_body_ = false;
    if (!part) co_return co_await end_early();
    watchdog_.moved();
    visit_.bytes_received += part->data.size();
    if (exceeds(visit_.bytes_received, rules_.most_answer, RefusalCause::answer_too_large))
      co_return co_await end_early();
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
std::optional<RefusalCause> Relay::take_mark(http::Fields& fields) const {
  const auto mark = rules_.sidecar_behind ? fields.find(kRefusalField) : std::nullopt;
  const auto cause = mark ? refusal_cause(*mark) : std::nullopt;
  strip_identity(fields);
  return cause;
}

http::Fields Relay::edited_trailers() {
  http::Fields trailers = up_->trailers();
  const auto cause = take_mark(trailers);
  note_grpc(trailers);
  if (cause) visit_.cause = facts(*cause).name;
  if (cause && rules_.replace_refusals) return render_trailers({.cause = *cause}, rules_.audience);
  return trailers;
}

void Relay::note_grpc(const http::Fields& fields) {
  const auto value = fields.find(kGrpcStatus);
  if (!value) return;
  visit_.grpc_status = grpc_status_in(*value);
  if (outcome_) outcome_->grpc_status = visit_.grpc_status;
}

net::Task<> relay(ServerExchange& down, http::Request& request, Destination& destination, Visit& visit,
                  const RelayRules& rules, const RelayTerms& terms, Flight& flight, net::Loop& loop) {
  Relay one(down, request, destination, visit, rules, terms, loop);
  flight.revoke = [&one] { one.revoke(); };
  co_await one.run();
  flight.unlink();
}

}  // namespace bulkhead::proxy
