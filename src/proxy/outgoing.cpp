#include "proxy/outgoing.hpp"

#include <algorithm>

#include "http/target.hpp"
#include "proxy/authorize.hpp"
#include "proxy/chance.hpp"
#include "proxy/deadlines.hpp"

namespace bulkhead::proxy {

namespace {

// The earliest moment by which this request must be answered, and whether it was set by somebody else than its call.
struct TimeGiven {
  net::Deadline deadline;
  bool inherited;
};

std::optional<TimeGiven> time_given(const Outgoing& outgoing, net::SteadyTime now) {
  DeadlineTime inherited = outgoing.caused_by.time();
  const http::Fields& fields = outgoing.request.fields;
  const bool says = outgoing.visit.grpc() && fields.has(kGrpcTimeout);
  const auto told = says ? fields.only(kGrpcTimeout) : std::nullopt;
  const auto asked = told ? parse_grpc_timeout(*told) : std::nullopt;
  if (says && !asked) return std::nullopt;
  if (asked) inherited = earliest(inherited, deadline_after(*asked, now));
  const DeadlineTime own = deadline_of_setting(outgoing.declared.resilience.timeout, now);
  return TimeGiven{net::Deadline(earliest(own, inherited)), inherited < own};
}

net::Task<> refuse_with(Outgoing& outgoing, Refusal refusal, const RelayRules& rules) {
  Visit& visit = outgoing.visit;
  visit.cause = facts(refusal.cause).name;
  visit.status = refusal.status != 0 ? refusal.status : facts(refusal.cause).status;
  if (visit.grpc()) {
    const auto code = refusal.status != 0 ? http::grpc_status_of(refusal.status) : facts(refusal.cause).grpc;
    visit.grpc_status = static_cast<int>(code);
  }
  co_await refuse(outgoing.exchange, std::move(refusal), visit, rules.audience, rules.hop_name, rules.edit_answer);
}

// Delays or ends the request as the manifest asks for a test; whether it goes on.
net::Task<bool> inject_fault(Core& core, Outgoing& outgoing, net::Deadline deadline, const bool& revoked,
                             const RelayRules& rules) {
  const DrawShare draw = [&core] { return static_cast<std::uint32_t>(core.journal.draw(kWhole)); };
  const InjectedFault fault = choose_fault(outgoing.declared.resilience.faults, outgoing.request.fields, draw);
  if (fault.delay.count() > 0) {
    co_await net::sleep(core.loop, std::min(deadline, core.loop.in(fault.delay)));
    outgoing.visit.injected = fault.delay;
    outgoing.visit.detail = fmt::format("the manifest injects this delay into {}", outgoing.declared.edge.id);
  }
  Refusal refusal;
  if (revoked) {
    refusal.reason = "the rule that allowed this has been withdrawn";
  } else if (fault.abort != 0) {
    refusal.cause = RefusalCause::fault_injected;
    refusal.status = fault.abort;
    refusal.reason = fmt::format("the manifest injects this fault into {}", outgoing.declared.edge.id);
  } else {
    co_return true;
  }
  co_await refuse_with(outgoing, std::move(refusal), rules);
  co_return false;
}

// At the end of what has to be explained; of most requests nothing has, and no name is copied.
struct RuleIsNamed {
  Outgoing& outgoing;
  ~RuleIsNamed() {
    if (!outgoing.visit.is_plain()) outgoing.visit.rule = outgoing.declared.edge.id;
  }
};

// The service that a split or the fallback of `declared` names.
const Upstream* find_named(const Snapshot& snapshot, const Upstream& declared, std::string_view service,
                           manifest::Port port) {
  const auto from = static_cast<std::uint32_t>(&declared - snapshot.upstreams.data());
  const auto index = detour(snapshot, from, service, port.number);
  return index ? &snapshot.upstreams[*index] : nullptr;
}

// The other service that answers where the call failed; its own edge decides whether it may be asked.
std::unique_ptr<Destination> make_fallback(Core& core, const Outgoing& outgoing) {
  const Snapshot& snapshot = outgoing.config->snapshot();
  const manifest::Fallback& fallback = *outgoing.declared.resilience.fallback;
  const Upstream* upstream = find_named(snapshot, outgoing.declared, fallback.to, fallback.port);
  const CallPtr call = upstream != nullptr ? core.calls.find(*upstream) : nullptr;
  if (!call) return nullptr;
  const std::string_view path = http::split_target(outgoing.request.target).path;
  const conditions::Value headers = headers_of(outgoing.request.fields);
  const policy::Attempt attempt{outgoing.visit.caller,
                                upstream->service,
                                {upstream->port},
                                upstream->protocol,
                                outgoing.request.method,
                                path,
                                &headers,
                                policy_user(outgoing.visit)};
  if (!judge(snapshot, {&upstream->edge, 1}, attempt).allowed) return nullptr;
  return std::make_unique<MeshDestination>(core.mesh, call, hold_limits(snapshot.inbound.limits));
}

}  // namespace

const Upstream* find_upstream(const Snapshot& snapshot, std::string_view service, std::uint16_t port) {
  const auto same = [&](const Upstream& each) { return each.service == service && each.port == port; };
  const auto found = std::ranges::find_if(snapshot.upstreams, same);
  return found == snapshot.upstreams.end() ? nullptr : &*found;
}

const Upstream* choose_target(const Snapshot& snapshot, const Upstream* declared, const http::Fields& fields,
                              const Journal& journal) {
  const auto& splits = declared->resilience.split;
  if (splits.empty()) return declared;
  const auto index = choose_split(splits, fields, static_cast<std::uint32_t>(journal.draw(kWhole)));
  if (!index) return declared;
  const Upstream* other = find_named(snapshot, *declared, splits[*index].to, splits[*index].port);
  return other != nullptr ? other : declared;
}

bool leads_to(const Upstream& declared, std::string_view service) {
  const auto& splits = declared.resilience.split;
  return declared.service == service || std::ranges::find(splits, service, &manifest::Split::to) != splits.end();
}

net::Task<> carry(Core& core, Outgoing& outgoing, Flight& flight, const RelayRules& rules) {
  const RuleIsNamed named{outgoing};
  bool revoked = false;
  flight.revoke = [&revoked] { revoked = true; };
  core.flights.add(flight);
  const auto time = time_given(outgoing, core.loop.now());
  if (!time) {
    Refusal refusal;
    refusal.cause = RefusalCause::bad_request;
    refusal.reason = "grpc-timeout is one to eight digits and one of H, M, S, m, u, n, once";
    co_return co_await refuse_with(outgoing, std::move(refusal), rules);
  }
  const manifest::Resilience& resilience = outgoing.declared.resilience;
  if (!resilience.faults.empty()) {
    const bool goes_on = co_await inject_fault(core, outgoing, time->deadline, revoked, rules);
    if (!goes_on) co_return;
  }
  const CallPtr call = core.calls.find(outgoing.target);
  if (!call) {
    Refusal refusal;
    refusal.reason = "the call is no longer declared";
    co_return co_await refuse_with(outgoing, std::move(refusal), rules);
  }
  call->budget().deposit(core.loop.now());
  RelayTerms terms{.deadline = time->deadline, .deadline_is_inherited = time->inherited, .call = call.get()};
  terms.draw = &core.draw;
  if (resilience.fallback) {
    terms.fallback = &*resilience.fallback;
    terms.fall_back_to = [&core, &outgoing] { return make_fallback(core, outgoing); };
  }
  MeshDestination destination(core.mesh, call, hold_limits(outgoing.config->snapshot().inbound.limits));
  co_await relay(outgoing.exchange, outgoing.request, destination, outgoing.visit, rules, terms, flight, core.loop);
}

}  // namespace bulkhead::proxy
