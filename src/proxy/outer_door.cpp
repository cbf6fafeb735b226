#include "proxy/outer_door.hpp"

#include <array>

#include "http/target.hpp"
#include "proxy/authorize.hpp"
#include "proxy/defaults.hpp"
#include "proxy/dns_responder.hpp"
#include "proxy/request_fields.hpp"
#include "proxy/splice.hpp"
#include "proxy/tcp_preamble.hpp"
#include "proxy/telemetry_door.hpp"
#include "proxy/tunnels.hpp"

namespace bulkhead::proxy {

namespace {

// What a request meets behind a door, in policy's words.
struct Behind {
  std::string_view callee;
  std::uint16_t port = 0;
  Protocol protocol = Protocol::http;
  const policy::Edge* edge = nullptr;
};

Behind behind(const Upstream& upstream) { return {upstream.service, upstream.port, upstream.protocol, &upstream.edge}; }

Behind behind(const Egress& egress) { return {egress.name, egress.port, egress.edge.protocol, &egress.edge}; }

Behind behind(const Snapshot& snapshot, const Door& door) {
  if (door.kind == DoorKind::upstream) return behind(snapshot.upstreams[door.index]);
  return behind(snapshot.egress[door.index]);
}

// `fields` of a request; a raw connection has none.
Judgement judge_visit(const Snapshot& snapshot, const Behind& target, const Visit& visit,
                      const http::Fields& fields = {}) {
  const std::string_view path = http::split_target(visit.path).path;
  const conditions::Value headers = headers_of(fields);
  const policy::Attempt attempt{visit.caller, target.callee, {target.port}, target.protocol,
                                visit.method, path,          &headers,      policy_user(visit)};
  return judge(snapshot, {target.edge, 1}, attempt);
}

// The door still leads to where the visit is, and the way is still allowed.
bool still_allowed(const Config& config, const net::Address& dialled, const Visit& visit,
                   const http::Fields& fields = {}) {
  const Door* door = config.door(dialled);
  if (door == nullptr) return false;
  const Snapshot& snapshot = config.snapshot();
  if (door->kind == DoorKind::egress) {
    const Behind target = behind(snapshot.egress[door->index]);
    return target.callee == visit.callee && judge_visit(snapshot, target, visit, fields).allowed;
  }
  if (!leads_to(snapshot.upstreams[door->index], visit.callee)) return false;
  const Upstream* upstream = find_upstream(snapshot, visit.callee, visit.port);
  return upstream != nullptr && judge_visit(snapshot, behind(*upstream), visit, fields).allowed;
}

std::string_view hop_of(const Door& door) { return door.kind == DoorKind::upstream ? "outer" : "egress"; }

std::string authority_of(const Egress& egress) {
  const std::uint16_t usual = egress.scheme == Scheme::https ? 443 : 80;
  const bool bracketed = egress.host.find(':') != std::string::npos;
  const std::string host = bracketed ? "[" + egress.host + "]" : egress.host;
  return egress.port == usual ? host : fmt::format("{}:{}", host, egress.port);
}

}  // namespace

OuterDoor::OuterDoor(Core& core, Outside& outside)
    : core_(core), outside_(outside), shutdown_(core.loop), gate_(core.loop) {
  options_.drain_idle = defaults::kDrainIdle;
  mesh_rules_.audience = Audience::local;
  mesh_rules_.hop_name = core.instance;
  outside_rules_ = mesh_rules_;
  mesh_rules_.sidecar_behind = true;
}

Result<> OuterDoor::adopt(Fd listening) {
  auto listener = net::Listener::adopt(core_.loop, std::move(listening));
  if (!listener) return fail(within("outer door", std::move(listener.error())));
  listeners_.push_back(std::make_unique<net::Listener>(std::move(*listener)));
  return {};
}

net::Task<Result<>> OuterDoor::prove_it_denies() {
  auto listener = net::Listener::open(core_.loop, net::Address::loopback(0));
  if (!listener) co_return fail(std::move(listener.error()));
  // The kernel may have chosen a port that an `at:` of the compartment uses; then this address proves nothing.
  if (core_.config->door(listener->address()) != nullptr) co_return Result<>{};
  const auto deadline = core_.loop.in(defaults::kConnect);
  auto client = co_await net::connect(core_.loop, listener->address(), deadline);
  if (!client) co_return fail(std::move(client.error()));
  auto served = co_await listener->accept();
  if (!served) co_return fail(std::move(served.error()));
  core_.journal.pause(true);
  co_await serve_connection(std::move(*served));
  core_.journal.pause(false);
  std::array<char, 16> buffer{};
  const auto read = co_await client->read(buffer, deadline);
  if (read && *read > 0) co_return fail(Cause::internal, "the outer door answered an undeclared dial");
  if (!read && read.error().cause == Cause::timeout) {
    co_return fail(Cause::internal, "the outer door kept an undeclared dial open");
  }
  co_return Result<>{};
}

void OuterDoor::start() {
  for (const auto& listener : listeners_) gate_.spawn(accept(*listener));
}

net::Task<> OuterDoor::close(net::Deadline deadline) {
  for (const auto& listener : listeners_) listener->close();
  shutdown_.set();
  while (gate_.inside() > 0 && !deadline.passed(core_.loop.now())) {
    co_await net::sleep(core_.loop, core_.loop.in(std::chrono::milliseconds(10)));
  }
}

net::Task<> OuterDoor::accept(net::Listener& listener) {
  while (true) {
    auto stream = co_await listener.accept();
    if (!stream) co_return;
    gate_.spawn(serve_connection(std::move(*stream)));
  }
}

net::Task<> OuterDoor::serve_connection(net::Stream stream) {
  const net::Address dialled = stream.local_address();
  const ConfigPtr config = core_.config;
  const Door* door = config->door(dialled);
  if (door == nullptr && !core_.otlp.empty() && is_otlp_address(dialled)) {
    co_return co_await carry_telemetry(std::move(stream), core_.otlp, core_.instance);
  }
  if (door == nullptr) {
    core_.journal.undeclared(dialled.text(), "tcp", allowance_for_port(config->snapshot(), dialled));
    stream.reset();
    co_return;
  }
  const bool http = door->handling == Handling::http;
  if (http) {
    co_await serve_http(std::move(stream), dialled);
  } else {
    co_await serve_tcp(std::move(stream), dialled);
  }
}

net::Task<> OuterDoor::serve_http(net::Stream stream, net::Address dialled) {
  const Handler handler = [this, &dialled](ServerExchange& exchange) { return serve_request(exchange, dialled); };
  co_await serve(std::move(stream), handler, options_, shutdown_);
}

net::Task<> OuterDoor::serve_request(ServerExchange& exchange, const net::Address& dialled) {
  http::Request& request = exchange.request();
  const ConfigPtr config = core_.config;
  const Door* door = config->door(dialled);
  strip_identity(request.fields);
  Visit visit;
  visit.hop = door != nullptr ? hop_of(*door) : "outer";
  visit.caller = core_.service();
  visit.protocol = spoken_protocol(request);
  visit.method = request.method;
  visit.path = request.target;
  visit.trace = carry_trace(request.fields, core_.journal.random(), TraceHop::first);
  const Upstream* declared = nullptr;
  const Upstream* upstream = nullptr;
  Behind target;
  if (door != nullptr && door->kind == DoorKind::upstream) {
    declared = &config->snapshot().upstreams[door->index];
    upstream = choose_target(config->snapshot(), declared, request.fields, core_.journal);
    target = behind(*upstream);
  } else if (door != nullptr) {
    target = behind(config->snapshot(), *door);
  }
  visit.callee = target.callee;
  visit.port = target.port;
  if (upstream != nullptr) visit.hide(config->mask_of(*upstream), visit.path);
  core_.journal.begin(visit);
  std::optional<Refusal> refusal;
  const auto user = find_user(request.fields, visit);
  if (user) visit.user = *user;
  if (core_.end_users.known()) strip_user(request.fields);  // a host outside has nothing to do with it
  if (visit.user && upstream != nullptr) request.fields.add(kUserField, visit.user->text);
  if (!user && upstream != nullptr) {
    refusal = user_refusal(config->snapshot(), visit, user.error());
    core_.journal.denied(visit, *refusal, policy::to_string(policy::Verdict::denied));
  } else if (door == nullptr) {
    refusal.emplace().reason = "the call is no longer declared";
  } else if (request.method == "CONNECT" && request.protocol.empty()) {
    refusal.emplace().cause = RefusalCause::bad_request;
  } else if (Judgement judged = judge_visit(config->snapshot(), target, visit, request.fields); !judged.allowed) {
    core_.journal.denied(visit, *judged.refusal, judged.verdict);
    refusal = std::move(judged.refusal);
  }
  if (refusal) {
    visit.status = facts(refusal->cause).status;
    visit.cause = facts(refusal->cause).name;
    co_await refuse(exchange, std::move(*refusal), visit, Audience::local, core_.instance);
  } else if (upstream != nullptr) {
    Outgoing outgoing{exchange, std::move(request), visit, config, *declared, *upstream, caused_until(visit)};
    co_await forward(outgoing, dialled);
  } else {
    co_await forward_outside(exchange, visit, dialled, config->snapshot().egress[door->index]);
  }
  core_.journal.finish(visit);
}

// What the program hands on, else the user of the request that it is serving and whose trace it carries on.
jose::TokenResult<EndUserPtr> OuterDoor::find_user(const http::Fields& fields, const Visit& visit) {
  auto said = core_.end_users.read(fields, wall_seconds());
  if (!said || *said || !visit.trace.parent || core_.open_requests.size() == 0) return said;
  auto user = core_.open_requests.user_of({visit.trace.context.trace_id, *visit.trace.parent});
  if (user && user->expires <= wall_seconds()) return nullptr;
  return user;
}

// A program that carries on the trace of what it serves shares the time that its caller gave it.
net::Deadline OuterDoor::caused_until(const Visit& visit) const {
  if (!visit.trace.parent || core_.open_requests.size() == 0) return net::Deadline::never();
  const telemetry::TraceParent parent{visit.trace.context.trace_id, *visit.trace.parent};
  return net::Deadline(core_.open_requests.deadline_of(parent));
}

net::Task<> OuterDoor::forward(Outgoing& outgoing, const net::Address& dialled) {
  const Visit& visit = outgoing.visit;
  Flight flight;
  flight.still_allowed = [&outgoing, &dialled](const Config& now) {
    return still_allowed(now, dialled, outgoing.visit, outgoing.request.fields);
  };
  // HTTP/1.0 may leave Host out, HTTP/2 may not.
  if (outgoing.request.authority.empty()) outgoing.request.authority = visit.callee;
  co_await proxy::carry(core_, outgoing, flight, mesh_rules_);
}

net::Task<> OuterDoor::forward_outside(ServerExchange& exchange, Visit& visit, const net::Address& dialled,
                                       const Egress& egress) {
  http::Request request = std::move(exchange.request());
  Flight flight;
  flight.still_allowed = [&visit, &request, &dialled](const Config& now) {
    return still_allowed(now, dialled, visit, request.fields);
  };
  flight.revoke = [] {};
  core_.flights.add(flight);
  request.authority = authority_of(egress);
  tell_request_id(request.fields, visit.trace);
  const RelayTerms terms{.deadline = caused_until(visit), .deadline_is_inherited = true};
  OutsideDestination destination(outside_, egress);
  co_await relay(exchange, request, destination, visit, outside_rules_, terms, flight, core_.loop);
}

net::Task<> OuterDoor::serve_tcp(net::Stream stream, net::Address dialled) {
  const ConfigPtr config = core_.config;
  const Door* door = config->door(dialled);
  if (door == nullptr) co_return;
  const Behind target = behind(config->snapshot(), *door);
  Visit visit;
  visit.hop = hop_of(*door);
  visit.caller = core_.service();
  visit.callee = target.callee;
  visit.port = target.port;
  visit.protocol = "tcp";
  visit.trace.context = telemetry::start_span(std::nullopt, core_.journal.random());
  core_.journal.begin(visit);
  const Judgement judged = judge_visit(config->snapshot(), target, visit);
  Flight flight;
  flight.still_allowed = [&](const Config& now) { return still_allowed(now, dialled, visit); };
  flight.revoke = [&] { stream.reset(); };
  core_.flights.add(flight);
  if (!judged.allowed) {
    core_.journal.denied(visit, *judged.refusal, judged.verdict);
    visit.cause = facts(judged.refusal->cause).name;
    visit.broke_off = true;
    stream.reset();
  } else if (door->kind == DoorKind::upstream) {
    co_await tunnel_to_peer(stream, visit, flight);
  } else {
    co_await tunnel_outside(stream, visit, flight, config, *door);
  }
  core_.journal.finish(visit);
}

net::Task<> OuterDoor::carry(net::Stream& stream, net::Stream& far, Visit& visit, Flight& flight,
                             std::string_view early) {
  flight.revoke = [&] {
    visit.cause = "revoked";
    stream.reset();
    far.reset();
  };
  visit.answer_began();
  const Spliced spliced = co_await splice(stream, far, early);
  visit.bytes_sent = spliced.to_right;
  visit.bytes_received = spliced.to_left;
  visit.broke_off = spliced.broke_off;
}

net::Task<> OuterDoor::tunnel_to_peer(net::Stream& stream, Visit& visit, Flight& flight) {
  const Snapshot& snapshot = core_.config->snapshot();
  const CallPtr call = core_.calls.find(*find_upstream(snapshot, visit.callee, visit.port));
  Chooser chooser(core_.mesh, call, hold_limits(snapshot.inbound.limits));
  while (true) {
    const auto chosen = co_await chooser.next(net::Deadline::never());
    if (!chosen) {
      visit.cause = facts(chosen.error().cause).name;
      visit.broke_off = true;
      core_.journal.note(fmt::format("tcp to {}:{}: {}", visit.callee, visit.port, chosen.error().detail));
      stream.reset();
      co_return;
    }
    EndpointState& endpoint = **chosen;
    auto far = co_await open_tunnel(core_.mesh, call->cluster(), endpoint, {visit.port, visit.trace.context});
    if (far) {
      visit.instance = endpoint.instance;
      co_return co_await carry(stream, *far, visit, flight, {});
    }
    if (far.error().cause == RefusalCause::denied) {
      visit.cause = facts(RefusalCause::denied).name;
      visit.broke_off = true;
      core_.journal.note(fmt::format("tcp to {}:{}: {}", visit.callee, visit.port, far.error().detail));
      stream.reset();
      co_return;
    }
    ++visit.attempts;
    chooser.refused(endpoint, far.error().detail);
  }
}

net::Task<> OuterDoor::tunnel_outside(net::Stream& stream, Visit& visit, Flight& flight, const ConfigPtr& config,
                                      const Door& door) {
  const Egress& egress = config->snapshot().egress[door.index];
  std::string early;
  const auto give_up = [&](std::string_view cause, std::string_view detail) {
    visit.cause = cause;
    visit.broke_off = true;
    core_.journal.note(fmt::format("egress {}: {}", egress.name, detail));
    stream.reset();
  };
  if (door.handling == Handling::tls_through) {
    const auto named = co_await read_server_name(stream, core_.loop.in(defaults::kClientHello), early);
    if (!named) co_return give_up("outside_tls", named.error().message);
    if (*named != egress.host) {
      co_return give_up("outside_tls",
                        fmt::format("the program asked for '{}', declared is '{}'", *named, egress.host));
    }
  }
  auto far = co_await outside_.connect(egress, core_.loop.in(defaults::kOutsideConnect));
  if (!far) co_return give_up(facts(far.error().cause).name, far.error().detail);
  visit.instance = egress.host;
  co_await carry(stream, *far, visit, flight, early);
}

}  // namespace bulkhead::proxy
