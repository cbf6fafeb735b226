#include "gateway/public_door.hpp"

#include <algorithm>

#include "http/hop.hpp"
#include "http/target.hpp"
#include "proxy/authorize.hpp"
#include "proxy/defaults.hpp"
#include "proxy/request_fields.hpp"

namespace bulkhead::gateway {

namespace {

using proxy::RefusalCause;

constexpr std::string_view kHop = "gateway";
constexpr std::uint16_t kHttps = 443;

bool is_host_character(char c) {
  const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return alphanumeric || c == '-' || c == '.' || c == '_' || c == ':' || c == '[' || c == ']';
}

// What a proxy behind said of itself stays inside.
void edit_answer(http::Fields& fields, const std::string& request_id) {
  fields.remove("proxy-status");
  fields.set("x-request-id", request_id);
}

policy::Attempt attempt_of(const proxy::Upstream& upstream, const proxy::Visit& visit, std::string_view target) {
  const std::string_view path = http::split_target(target).path;
  return {visit.caller, upstream.service, {upstream.port}, upstream.protocol, visit.method, path};
}

}  // namespace

std::string https_location(std::string_view authority, std::string_view target, std::uint16_t https_port) {
  const std::string host = proxy::host_of(authority);
  if (host.empty() || !std::ranges::all_of(host, is_host_character) || !target.starts_with('/')) return "";
  const bool usual = https_port == 0 || https_port == kHttps;
  return usual ? fmt::format("https://{}{}", host, target) : fmt::format("https://{}:{}{}", host, https_port, target);
}

PublicDoor::PublicDoor(proxy::Core& core) : core_(core), shutdown_(core.loop), gate_(core.loop) {
  plain_.scheme = "http";
  secure_.scheme = "https";
  plain_.drain_idle = secure_.drain_idle = proxy::defaults::kDrainIdle;
}

Result<> PublicDoor::adopt(const std::string& name, Fd listening) {
  auto listener = net::Listener::adopt(core_.loop, std::move(listening));
  if (!listener) return fail(within(name, std::move(listener.error())));
  listeners_[name] = std::make_unique<net::Listener>(std::move(*listener));
  return {};
}

Result<> PublicDoor::apply(const proxy::Snapshot& snapshot) {
  const auto& certificates = snapshot.gateway.certificates;
  if (certificates.empty() || certificates == certificates_) return {};
  net::TlsConfig config;
  config.role = net::TlsRole::server;
  config.peer = net::PeerCheck::none;
  config.alpn = {"h2", "http/1.1"};
  config.allow_tls12 = true;
  for (const proxy::Certificate& certificate : certificates) {
    auto key = net::private_key_from_pem(certificate.key_pem);
    if (!key) return fail(Cause::invalid, "the gateway's key can't be read");
    config.credentials.push_back({certificate.chain_pem, std::move(*key)});
  }
  auto made = net::TlsContext::make(std::move(config));
  if (!made) return fail(within("the gateway's certificate", std::move(made.error())));
  tls_ = std::move(*made);
  certificates_ = certificates;
  return {};
}

void PublicDoor::start() {
  for (const auto& [name, listener] : listeners_) gate_.spawn(accept(name, *listener));
}

net::Task<> PublicDoor::drain(net::Deadline deadline) {
  for (const auto& [name, listener] : listeners_) listener->close();
  shutdown_.set();
  while (gate_.inside() > 0 && !deadline.passed(core_.loop.now())) {
    co_await net::sleep(core_.loop, core_.loop.in(std::chrono::milliseconds(10)));
  }
}

net::Task<> PublicDoor::accept(std::string name, net::Listener& listener) {
  while (true) {
    auto stream = co_await listener.accept();
    if (!stream) co_return;
    gate_.spawn(serve_connection(name, std::move(*stream)));
  }
}

net::Task<> PublicDoor::serve_connection(std::string name, net::Stream stream) {
  const proxy::ConfigPtr config = core_.config;
  const auto& listeners = config->snapshot().gateway.listeners;
  const auto found = std::ranges::find(listeners, name, &proxy::Listener::name);
  if (found == listeners.end()) co_return;
  const net::Address peer = stream.peer_address();
  const auto turn = quarantine_.admit(peer, core_.loop.now());
  if (!turn) co_return;
  if (*turn > core_.loop.now()) {
    const Result<> ending = co_await shutdown_.wait(net::Deadline(*turn));
    if (ending) co_return;
  }
  const std::string client = peer.ip_text();
  const bool tls = found->tls && !found->redirect_to_https;
  if (tls) {
    const auto secured = co_await stream.handshake(tls_, {}, core_.loop.in(proxy::defaults::kHandshake));
    if (!secured) co_return core_.journal.failed_handshake(client, secured.error());
  }
  const std::uint16_t https_port = found->https_port;
  const bool redirects = found->redirect_to_https;
  const proxy::Handler handler = [&](proxy::ServerExchange& exchange) {
    return redirects ? redirect(exchange, https_port) : serve_request(exchange, client, tls);
  };
  const Result<> served = co_await proxy::serve(std::move(stream), handler, tls ? secure_ : plain_, shutdown_);
  if (served) co_return;
  quarantine_.flooded(peer, core_.loop.now());
  core_.journal.flooded(client, served.error());
}

net::Task<> PublicDoor::redirect(proxy::ServerExchange& exchange, std::uint16_t https_port) {
  const http::Request& request = exchange.request();
  http::Response response;
  const std::string location = https_location(request.authority, request.target, https_port);
  response.status = location.empty() ? 400 : 308;
  if (!location.empty()) response.fields.add("location", location);
  response.content_length = 0;
  // A client that does not wait for the answer to its redirect is nobody's loss.
  static_cast<void>(co_await exchange.send_head(std::move(response), true));
}

net::Task<> PublicDoor::serve_request(proxy::ServerExchange& exchange, const std::string& client, bool tls) {
  http::Request& request = exchange.request();
  const proxy::ConfigPtr config = core_.config;
  proxy::strip_identity(request.fields);
  const std::string authority = request.authority;
  http::set_forwarded(request.fields, {.client = client, .scheme = tls ? "https" : "http", .host = authority});
  proxy::Visit visit;
  visit.hop = kHop;
  visit.caller = core_.service();
  visit.protocol = proxy::spoken_protocol(request);
  visit.method = request.method;
  visit.path = request.target;
  visit.trace = proxy::carry_trace(request.fields, core_.journal.random(), proxy::TraceHop::first);

  const auto target = http::check_target(request.target);
  const std::string host = proxy::host_of(authority);
  const proxy::Route* route = target ? config->route(host, request.method, target->path) : nullptr;
  const proxy::Snapshot& snapshot = config->snapshot();
  const proxy::Upstream* upstream = nullptr;
  if (route != nullptr) {
    const proxy::Upstream& declared = snapshot.upstreams[route->upstream];
    upstream = proxy::choose_target(snapshot, &declared, request.fields, core_.journal);
    visit.callee = upstream->service;
    visit.port = upstream->port;
  }
  core_.journal.begin(visit);
  const bool connect = request.method == "CONNECT" && request.protocol.empty();
  if (!target || connect) {
    co_await refuse(exchange, visit, connect ? RefusalCause::bad_request : RefusalCause::ambiguous_path);
  } else if (route == nullptr) {
    co_await refuse(exchange, visit, RefusalCause::no_route);
  } else {
    co_await forward(exchange, visit, config, *route, *upstream);
  }
  core_.journal.finish(visit);
}

net::Task<> PublicDoor::forward(proxy::ServerExchange& exchange, proxy::Visit& visit, const proxy::ConfigPtr& config,
                                const proxy::Route& route, const proxy::Upstream& upstream) {
  const proxy::Snapshot& snapshot = config->snapshot();
  http::Request request = std::move(exchange.request());
  const http::Target asked = http::split_target(request.target);
  std::string target = config->rewrite(route, asked.path);
  if (asked.path.size() < request.target.size()) target += request.target.substr(asked.path.size());
  request.target = target;
  const proxy::Judgement judged =
      proxy::judge(snapshot, {&upstream.edge, 1}, attempt_of(upstream, visit, request.target));
  if (!judged.allowed) {
    core_.journal.denied(visit, *judged.refusal, judged.verdict);
    co_return co_await refuse(exchange, visit, RefusalCause::no_route);
  }
  // HTTP/1.0 may leave Host out, HTTP/2 may not.
  if (request.authority.empty()) request.authority = upstream.service;
  proxy::RelayRules rules;
  rules.audience = proxy::Audience::stranger;
  rules.hop_name = kHop;
  rules.replace_refusals = true;
  rules.sidecar_behind = true;
  rules.edit_answer = [&visit](http::Fields& fields) { edit_answer(fields, visit.trace.request_id); };
  proxy::Flight flight;
  flight.still_allowed = [&visit, &target](const proxy::Config& now) {
    const auto& upstreams = now.snapshot().upstreams;
    return std::ranges::any_of(upstreams, [&](const proxy::Upstream& each) {
      const bool same = each.service == visit.callee && each.port == visit.port;
      return same && proxy::judge(now.snapshot(), {&each.edge, 1}, attempt_of(each, visit, target)).allowed;
    });
  };
  const proxy::Upstream& declared = snapshot.upstreams[route.upstream];
  proxy::Outgoing outgoing{exchange, std::move(request), visit, config, declared, upstream, net::Deadline::never()};
  co_await proxy::carry(core_, outgoing, flight, rules);
}

net::Task<> PublicDoor::refuse(proxy::ServerExchange& exchange, proxy::Visit& visit, RefusalCause cause) {
  visit.status = proxy::facts(cause).status;
  visit.cause = proxy::facts(cause).name;
  proxy::Refusal refusal;
  refusal.cause = cause;
  co_await proxy::refuse(exchange, std::move(refusal), visit, proxy::Audience::stranger, kHop);
}

}  // namespace bulkhead::gateway
