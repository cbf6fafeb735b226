// What a relay does when there is no whole answer: another try, another answer, a refusal, or an end that says why.

#include "http/hop.hpp"
#include "proxy/relay_impl.hpp"

namespace bulkhead::proxy {
namespace {

constexpr std::string_view kRevoked = "revoked";
constexpr std::string_view kWithdrawn = "the rule that allowed this has been withdrawn";

void name_parties(Refusal& refusal, const Visit& visit) {
  if (refusal.caller.empty()) refusal.caller = visit.caller;
  if (refusal.callee.empty()) refusal.callee = visit.callee;
  if (refusal.method.empty()) refusal.method = visit.method;
  if (refusal.path.empty()) refusal.path = visit.path;
}

// Of a denial the decision's own record tells.
void note_detail(const Refusal& refusal, Visit& visit) {
  if (refusal.cause != RefusalCause::denied && visit.detail.empty()) visit.detail = refusal.reason;
}

std::string fallback_status(const RelayRules& rules, const Why& why) {
  const bool stranger = rules.audience == Audience::stranger;
  return http::format_proxy_status(
      {.proxy = stranger ? "gateway" : rules.hop_name, .error = facts(why.cause).proxy_error, .details = "fallback"});
}

}  // namespace

// The answer's head says that it failed, and the client knows of none yet.
net::Task<Relay::Next> Relay::reconsider(std::optional<RefusalCause> cause) {
  const bool repeat = co_await may_repeat(*outcome_);
  if (repeat) co_return Next::again;
  const Why why{cause.value_or(RefusalCause::bad_answer), fmt::format("it answered {}", outcome_->status)};
  co_return co_await fall_back(why);
}

// Nothing has been said to the client yet.
net::Task<Relay::Next> Relay::failed_before_answer(Fault fault) {
  if (gone_ || down_.gone()) {
    note_gone();
    co_return Next::over;
  }
  if (revoked_) {
    co_await refuse_revoked();
    co_return Next::over;
  }
  if (body_failed_) {
    if (exceeded_) co_await answer_refusal({*exceeded_, {}});
    if (!exceeded_) co_await answer_refusal({RefusalCause::bad_request, "the request's body did not come whole"});
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

Why Relay::why_failed(Fault fault) const {
  Why why{RefusalCause::broken_off, std::move(fault.message)};
  if (fault.cause == Cause::protocol) why.cause = RefusalCause::bad_answer;
  if (fault.cause == Cause::unsupported) why.cause = RefusalCause::unsupported_upgrade;
  if (timed_out_ || fault.cause == Cause::timeout) why.cause = RefusalCause::timed_out;
  if (!timed_out_ && up_->never_sent()) why.cause = RefusalCause::unreachable;
  if (past_deadline()) why = {RefusalCause::timed_out, "no answer in the time that this request had"};
  return why;
}

// Waits the pause before the repetition, too.
net::Task<bool> Relay::may_repeat(TryOutcome outcome) {
  if (past_deadline() || fallback_) co_return false;
  if (outcome.never_sent) co_return body_.replayable();
  // Who waited for minutes in vain does not wait as long again.
  if (timed_out_ && !bounds_tries()) co_return false;
  if (!retry_) co_return false;
  if (retry_->repetitions() >= terms_.call->settings().retries.max) {
    if (retry_->repetitions() > 0) visit_.no_retry = name_of(RetryAction::Kind::tried_enough);
    co_return false;
  }
  if (!body_.replayable()) retry_->not_replayable();
  constexpr std::size_t kFine = std::size_t{1} << 24U;
  const double chance = static_cast<double>((*terms_.draw)(kFine)) / kFine;
  const RetryAction action = retry_->decide(outcome, chance, loop_.now());
  if (action.kind != RetryAction::Kind::again) {
    visit_.no_retry = name_of(action.kind);
    co_return false;
  }
  const auto pause = loop_.in(action.pause);
  if (pause >= terms_.deadline) co_return false;
  co_await net::sleep(loop_, pause);
  co_return !gone_ && !revoked_;
}

// In the middle of an answer there is nothing left to say but that it is not whole.
void Relay::break_off() {
  note_broken();
  if (gone_) return;
  down_.reset(revoked_ ? ResetReason::cancelled : timed_out_ ? ResetReason::timeout : ResetReason::internal);
}

// The upstream did not end its answer: gRPC's status can still say why.
net::Task<> Relay::end_early() {
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

RefusalCause Relay::why_broken() const {
  if (revoked_) return RefusalCause::denied;
  if (exceeded_) return *exceeded_;
  return timed_out_ || past_deadline() ? RefusalCause::timed_out : RefusalCause::broken_off;
}

void Relay::note_broken() {
  broke_ = true;
  if (gone_ || revoked_ || exceeded_) outcome_.reset();
  if (gone_) return note_gone();
  if (outcome_) outcome_->broken_off = true;
  if (terms_.deadline_is_inherited && past_deadline()) outcome_.reset();
  visit_.broke_off = true;
  visit_.cause = revoked_ ? kRevoked : facts(why_broken()).name;
}

net::Task<> Relay::refuse_revoked() { co_await answer_refusal({RefusalCause::denied, std::string(kWithdrawn)}); }

// There is nothing to try.
net::Task<Relay::Next> Relay::give_up(const Why& why) {
  if (!rules_.give_back || why.cause != RefusalCause::unreachable) co_return co_await settle(why);
  visit_.cause = facts(why.cause).name;
  down_.reset(ResetReason::refused);
  co_return Next::over;
}

// Another answer where the call declares one, else the refusal.
net::Task<Relay::Next> Relay::settle(Why why) {
  const Next next = co_await fall_back(why);
  if (next == Next::over && !answered_instead_) co_await answer_refusal(std::move(why));
  co_return next;
}

net::Task<Relay::Next> Relay::fall_back(const Why& why) {
  if (terms_.fallback == nullptr || fallback_ || is_tunnel()) co_return Next::over;
  if (terms_.fallback->status != 0) {
    visit_.detail = why.detail;
    co_await answer_instead(why);
    co_return Next::over;
  }
  if (!body_.replayable() || past_deadline()) co_return Next::over;
  fallback_ = terms_.fall_back_to();
  if (fallback_) {
    visit_.fell_back = facts(why.cause).name;
    visit_.detail = why.detail;
  }
  co_return fallback_ ? Next::again : Next::over;
}

net::Task<> Relay::answer_instead(const Why& why) {
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
  if (rules_.edit_answer) rules_.edit_answer(head.fields);
  const bool end = !head.body;
  const auto sent = co_await down_.send_head(std::move(head), end);
  if (!sent || end) co_return;
  static_cast<void>(co_await down_.send_body(instead.body, true, net::Deadline::never()));
}

net::Task<> Relay::answer_refusal(Why why) {
  Refusal refusal;
  refusal.cause = why.cause;
  refusal.reason = std::move(why.detail);
  visit_.cause = facts(why.cause).name;
  visit_.status = facts(why.cause).status;
  if (grpc_) visit_.grpc_status = static_cast<int>(facts(why.cause).grpc);
  if (why.cause == RefusalCause::user_refused) {
    // Who said so is this gateway: its clock was set, or keys change. No fault of the client's, who may ask again.
    visit_.status = refusal.status = 503;
    if (grpc_) visit_.grpc_status = static_cast<int>(http::grpc_status_of(503));
  }
  co_await refuse(down_, std::move(refusal), visit_, rules_.audience, rules_.hop_name, rules_.edit_answer);
}

net::Task<> refuse(ServerExchange& down, Refusal refusal, Visit& visit, Audience audience, std::string_view hop,
                   const std::function<void(http::Fields&)>& edit) {
  name_parties(refusal, visit);
  const bool grpc = visit.grpc();
  RefusalAnswer answer = render(refusal, audience, hop, grpc);
  if (edit) edit(answer.head.fields);
  note_detail(refusal, visit);
  const bool end = answer.body.empty();
  const auto sent = co_await down.send_head(std::move(answer.head), end);
  if (!sent || end) co_return;
  const auto deadline = net::Deadline::never();
  co_await down.send_body(answer.body, true, deadline);
}

}  // namespace bulkhead::proxy
