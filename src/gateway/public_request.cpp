// What becomes of a request: its route, then whoever may say no in turn, then the mesh.

#include <algorithm>

#include <fmt/ranges.h>

#include "gateway/cors.hpp"
#include "gateway/public_door.hpp"
#include "http/hop.hpp"
#include "http/target.hpp"
#include "proxy/authorize.hpp"
#include "proxy/defaults.hpp"
#include "proxy/end_user.hpp"
#include "proxy/request_fields.hpp"

namespace bulkhead::gateway {

namespace {

using proxy::RefusalCause;

constexpr std::string_view kHop = "gateway";

void add_rate(const Limits::Verdict& verdict, http::Fields& fields) {
  if (!verdict.limited) return;
  fields.set("ratelimit-policy", verdict.policy);
  fields.set("ratelimit", verdict.left);
}

// What may be written down of a path that leads nowhere; "" where that is all of it.
std::string shown_unrouted(const proxy::Config& config, const Result<http::Target>& target) {
  if (target) return config.hide_unrouted(target->path).value_or("");
  return config.hides_paths() ? std::string(contracts::kHiddenPath) : "";
}

proxy::Judgement judge_request(const proxy::Snapshot& snapshot, const proxy::Upstream& upstream,
                               const proxy::Visit& visit, std::string_view target, const http::Fields& fields) {
  const std::string_view path = http::split_target(target).path;
  const conditions::Value headers = proxy::headers_of(fields);
  const policy::Attempt attempt{
      visit.caller, upstream.service, {upstream.port},          upstream.protocol, visit.method,
      path,         &headers,         proxy::policy_user(visit)};
  return proxy::judge(snapshot, {&upstream.edge, 1}, attempt);
}

// Seconds; of how many there may be at once nobody knows when one ends.
std::string retry_after(const Limits::Verdict& verdict) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(verdict.wait).count();
  return std::to_string(std::max<std::int64_t>(1, seconds));
}

}  // namespace

net::Task<> PublicDoor::serve_request(proxy::ServerExchange& exchange, const Client& client) {
  http::Request& request = exchange.request();
  const proxy::ConfigPtr config = core_.config;
  proxy::strip_identity(request.fields);
  proxy::strip_user(request.fields);
  const std::string authority = request.authority;
  http::set_forwarded(request.fields,
                      {.client = client.ip, .scheme = client.tls ? "https" : "http", .host = authority});
  proxy::Visit visit;
  visit.hop = kHop;
  visit.caller = core_.service();
  visit.protocol = proxy::spoken_protocol(request);
  visit.method = request.method;
  visit.path = request.target;
  visit.trace = proxy::carry_trace(request.fields, core_.journal.random(), proxy::TraceHop::first);

  const auto target = http::check_target(request.target);
  const std::string host = proxy::host_of(authority);
  const std::string_view asked = asked_method(request);
  const proxy::Route* route = target && !asked.empty() ? config->route(host, asked, target->path) : nullptr;
  const bool preflight = route != nullptr && route->rules.cors;
  if (!preflight) route = target ? config->route(host, request.method, target->path) : nullptr;
  const proxy::Snapshot& snapshot = config->snapshot();
  const proxy::Upstream* upstream = nullptr;
  if (route != nullptr) {
    const proxy::Upstream& declared = snapshot.upstreams[route->upstream];
    upstream = proxy::choose_target(snapshot, &declared, request.fields, core_.journal);
    visit.callee = upstream->service;
    visit.port = upstream->port;
    if (const contracts::PathMask* mask = config->mask_of(*upstream))
      visit.hide(mask, config->rewrite(*route, target->path));
  } else {
    visit.path_shown = shown_unrouted(*config, target);
  }
  core_.journal.begin(visit);
  const bool connect = request.method == "CONNECT" && request.protocol.empty();
  if (!target || connect) {
    co_await refuse(exchange, visit, connect ? RefusalCause::bad_request : RefusalCause::ambiguous_path);
  } else if (route == nullptr) {
    co_await refuse(exchange, visit, RefusalCause::no_route);
  } else {
    Errand errand{.exchange = exchange,
                  .visit = visit,
                  .config = config,
                  .route = *route,
                  .upstream = *upstream,
                  .origin = {},
                  .client = client,
                  .host = host};
    if (route->rules.cors) errand.origin = request.fields.only("origin").value_or(std::string_view());
    const auto index = static_cast<std::size_t>(route - snapshot.gateway.routes.data());
    if (!access_.admits(index, client.octets)) {
      co_await refuse(exchange, visit, RefusalCause::forbidden_address, &errand);
    } else if (preflight) {
      co_await answer_preflight(errand);
    } else {
      Authenticator::Answer who;
      if (route->rules.auth) who = co_await identify(errand);
      // What was waited for may have taken so long that the rules are others by now.
      auto cause = core_.config == config ? judge(errand, index, who) : RefusalCause::draining;
      if (errand.identity) {
        visit.user = mint(errand);
        if (!visit.user && !cause) cause = RefusalCause::unauthenticated;
      }
      if (cause)
        co_await refuse(exchange, visit, *cause, &errand);
      else
        co_await forward(errand);
    }
  }
  core_.journal.finish(visit);
}

net::Task<Authenticator::Answer> PublicDoor::identify(const Errand& errand) {
  const manifest::Auth& rule = *errand.route.rules.auth;
  const http::Fields& fields = errand.exchange.request().fields;
  auto who = authenticator_.ask(rule, fields, proxy::came_at(errand.visit), errand.client.certificate);
  if (who.wants_keys.empty()) co_return who;
  const auto found = fetchers_.find(who.wants_keys);
  if (found == fetchers_.end()) co_return who;
  const std::shared_ptr<KeyFetcher> fetcher = found->second;
  if (co_await fetcher->refresh(core_.loop.in(proxy::defaults::kKeysWithin)))
    who = authenticator_.ask(rule, fields, proxy::wall_seconds(), errand.client.certificate);
  co_return who;
}

std::optional<RefusalCause> PublicDoor::judge(Errand& errand, std::size_t route, Authenticator::Answer& who) {
  const http::Request& request = errand.exchange.request();
  const std::uint64_t most = errand.route.rules.most_request;
  if (most != 0 && request.content_length.value_or(0) > most) return RefusalCause::request_too_large;
  // Who tries credentials is counted, too: by address, as nobody.
  const std::string_view user = who.identity ? who.identity->key : std::string_view();
  errand.verdict = limits_.admit(route, errand.client.octets, request.fields, user, core_.loop.now());
  if (errand.verdict.refused_by != nullptr) return RefusalCause::limited;
  if (who.challenge && who.keys_missing) return RefusalCause::keys_missing;
  if (who.challenge) {
    errand.challenge = std::move(who.challenge);
    errand.identity = std::move(who.lacking);  // for the records
    // 401 asks for something that the next request can bring (RFC 9110 §15.5.2).
    const bool could_ask = errand.challenge->scopes.empty() && !errand.challenge->by_certificate_only;
    return could_ask ? RefusalCause::unauthenticated : RefusalCause::denied;
  }
  errand.identity = std::move(who.identity);
  if (errand.identity) errand.credential = Authenticator::credential(request.fields);
  const auto& rule = errand.route.rules.auth;
  authenticator_.strip(errand.exchange.request().fields, rule && !rule->by.empty());
  return std::nullopt;
}

bool PublicDoor::still_admits(const Errand& errand, const proxy::Config& now) {
  const auto target = http::check_target(errand.visit.path);
  const proxy::Route* route = target ? now.route(errand.host, errand.visit.method, target->path) : nullptr;
  if (route == nullptr) return true;  // it is the call that is judged, which another route may allow
  const auto index = static_cast<std::size_t>(route - now.snapshot().gateway.routes.data());
  if (!access_.admits(index, errand.client.octets)) return false;
  const auto& providers = errand.config->snapshot().gateway.providers;
  const bool same = route->rules.auth == errand.route.rules.auth && now.snapshot().gateway.providers == providers;
  if (!route->rules.auth || same) return true;
  const auto& by = route->rules.auth->by;
  if (errand.identity && !by.empty() && std::ranges::find(by, errand.identity->provider) == by.end()) return false;
  const Authenticator::Answer who = authenticator_.ask(*route->rules.auth, errand.credential,
                                                       proxy::came_at(errand.visit), errand.client.certificate);
  if (who.challenge) return who.keys_missing;
  return !who.identity || !errand.identity || who.identity->key == errand.identity->key;
}

proxy::EndUserPtr PublicDoor::mint(const Errand& errand) {
  const telemetry::TraceId& trace = errand.visit.trace.context.trace_id;
  std::array<char, 2 * sizeof(telemetry::TraceId)> transaction;
  telemetry::write_hex(trace, transaction);
  const Minter::Errand of{{transaction.data(), transaction.size()}, errand.route.rule, errand.client.ip};
  auto user = minter_.mint(errand.identity, of, core_.seals_tokens, proxy::came_at(errand.visit));
  if (user) return std::move(*user);
  core_.journal.note(fmt::format("a user of {} can't travel: {}", errand.identity->provider, user.error().message));
  return nullptr;
}

net::Task<> PublicDoor::answer_preflight(Errand& errand) {
  http::Response answer = preflight_answer(*errand.route.rules.cors, errand.exchange.request());
  errand.visit.status = answer.status;
  answer.fields.set("x-request-id", errand.visit.trace.request_id);
  // A browser that does not wait for the answer is nobody's loss.
  static_cast<void>(co_await errand.exchange.send_head(std::move(answer), true));
}

// What a service said of its program stays inside.
void PublicDoor::edit_answer(const Errand& errand, http::Fields& fields) {
  fields.remove("server");
  fields.remove("x-powered-by");
  proxy::strip_user(fields);
  fields.set("x-request-id", errand.visit.trace.request_id);
  for (const manifest::AnswerField& field : errand.route.rules.headers)
    if (!fields.has(field.name)) fields.add(field.name, field.value);
  if (errand.route.rules.cors) allow_origin(*errand.route.rules.cors, errand.origin, fields);
  add_rate(errand.verdict, fields);
}

// What the service is asked for where a stranger asks for `target`.
std::string PublicDoor::rewritten(const Errand& errand, const std::string& target) {
  const std::string_view path = http::split_target(target).path;
  return errand.config->rewrite(errand.route, path) + target.substr(path.size());
}

net::Task<> PublicDoor::forward(Errand& errand) {
  proxy::Visit& visit = errand.visit;
  const proxy::ConfigPtr& config = errand.config;
  const proxy::Upstream& upstream = errand.upstream;
  const proxy::Snapshot& snapshot = config->snapshot();
  http::Request request = std::move(errand.exchange.request());
  const std::string target = rewritten(errand, request.target);
  request.target = target;
  const auto allowed_by = [&visit, &target](const proxy::Config& now, const http::Fields& fields) {
    return std::ranges::any_of(now.snapshot().upstreams, [&](const proxy::Upstream& each) {
      const bool same = each.service == visit.callee && each.port == visit.port;
      return same && judge_request(now.snapshot(), each, visit, target, fields).allowed;
    });
  };
  const proxy::Judgement judged = judge_request(snapshot, upstream, visit, request.target, request.fields);
  if (!judged.allowed) {
    core_.journal.denied(visit, *judged.refusal, judged.verdict);
    const RefusalCause cause = judged.by_condition ? RefusalCause::denied : RefusalCause::no_route;
    co_return co_await refuse(errand.exchange, visit, cause, &errand);
  }
  // HTTP/1.0 may leave Host out, HTTP/2 may not.
  if (request.authority.empty()) request.authority = upstream.service;
  if (visit.user) request.fields.set(proxy::kUserField, visit.user->text);
  // What a stranger calls gRPC is such where the service says so.
  if (upstream.protocol != manifest::Protocol::grpc) errand.exchange.expect_upload();
  proxy::RelayRules rules;
  rules.audience = proxy::Audience::stranger;
  rules.hop_name = kHop;
  rules.replace_refusals = true;
  rules.sidecar_behind = true;
  rules.most_request = errand.route.rules.most_request;
  rules.most_answer = errand.route.rules.most_answer;
  rules.edit_answer = [&errand](http::Fields& fields) { edit_answer(errand, fields); };
  const proxy::Upstream& declared = snapshot.upstreams[errand.route.upstream];
  proxy::Outgoing outgoing{errand.exchange, std::move(request),    visit, config, declared,
                           upstream,        net::Deadline::never()};
  proxy::Flight flight;
  flight.still_allowed = [&](const proxy::Config& now) {
    return allowed_by(now, outgoing.request.fields) && still_admits(errand, now);
  };
  co_await proxy::carry(core_, outgoing, flight, rules);
}

// Of itself a stranger may learn more than the status.
std::string PublicDoor::told(const Errand& errand) {
  const Limits::Verdict& verdict = errand.verdict;
  if (verdict.refused_by != nullptr && !verdict.key.empty())
    return fmt::format("API key '{}' is limited to {}", verdict.key, to_string(*verdict.refused_by));
  if (!errand.challenge || !errand.challenge->by_certificate_only) return "";
  return errand.challenge->description.empty() ? "a client certificate is needed" : errand.challenge->description;
}

std::string PublicDoor::also_in_the_way(const Errand& errand) {
  if (!errand.challenge) return "";
  const http::Request& request = errand.exchange.request();
  const proxy::Judgement judged = judge_request(errand.config->snapshot(), errand.upstream, errand.visit,
                                                rewritten(errand, request.target), request.fields);
  if (judged.allowed) return "";
  return fmt::format("{} at {}", judged.refusal->rule, judged.refusal->rule_at);
}

void PublicDoor::note_denied(const Errand& errand, RefusalCause cause) {
  const bool by_address = cause == RefusalCause::forbidden_address;
  if (!by_address && !errand.challenge) return;
  proxy::Refusal refusal;
  refusal.cause = cause;
  refusal.caller = errand.visit.caller;
  refusal.callee = errand.visit.callee;
  // By what the route says: strangers choose methods and paths, and what of a path may be written down the span has.
  refusal.method = errand.route.methods.empty() ? "*" : fmt::format("{}", fmt::join(errand.route.methods, "|"));
  refusal.path = errand.route.path;
  refusal.rule = fmt::format("{}.{}", errand.route.rule, by_address ? "from" : "auth");
  refusal.rule_at = manifest::to_string(errand.upstream.edge.position);
  if (by_address) {
    const auto& routes = errand.config->snapshot().gateway.routes;
    refusal.reason = "the client's address is none that may come";
    refusal.allow = access_.remedy(static_cast<std::size_t>(&errand.route - routes.data()), errand.client.octets);
  } else if (!errand.challenge->scopes.empty()) {
    refusal.reason = fmt::format("the user lacks the scope '{}'", fmt::join(errand.challenge->scopes, "' and '"));
  } else {
    refusal.reason = errand.challenge->description.empty() ? "no credential came" : errand.challenge->description;
  }
  if (!by_address) refusal.allow = allowance(*errand.route.rules.auth, *errand.challenge);
  if (!refusal.allow.empty()) {
    refusal.reason += fmt::format("; to allow it, write at {}: {}", refusal.rule_at, refusal.allow);
    if (const std::string also = also_in_the_way(errand); !also.empty()) {
      refusal.reason += fmt::format(", and let {} allow it", also);
      refusal.allow.clear();
    }
  }
  core_.journal.denied(errand.visit, refusal, policy::to_string(policy::Verdict::denied));
}

// A page reads a refusal as any other answer.
net::Task<> PublicDoor::refuse(proxy::ServerExchange& exchange, proxy::Visit& visit, RefusalCause cause,
                               const Errand* errand) {
  visit.status = proxy::facts(cause).status;
  visit.cause = proxy::facts(cause).name;
  proxy::Refusal refusal;
  refusal.cause = cause;
  if (errand != nullptr) refusal.told = told(*errand);
  if (errand != nullptr && errand->verdict.refused_by != nullptr) visit.detail = to_string(*errand->verdict.refused_by);
  if (errand != nullptr && errand->challenge) visit.detail = errand->challenge->description;
  if (errand != nullptr) note_denied(*errand, cause);
  const auto edit = [&](http::Fields& fields) {
    if (errand == nullptr) return fields.set("x-request-id", visit.trace.request_id);
    edit_answer(*errand, fields);
    if (errand->challenge && !errand->challenge->by_certificate_only)
      fields.set("www-authenticate", to_string(*errand->challenge, errand->config->snapshot().app));
    if (cause == RefusalCause::limited) fields.set("retry-after", retry_after(errand->verdict));
  };
  co_await proxy::refuse(exchange, std::move(refusal), visit, proxy::Audience::stranger, kHop, edit);
}

}  // namespace bulkhead::gateway
