#include "control/snapshots.hpp"

#include <map>
#include <set>

#include <fmt/format.h>

#include "jose/seal.hpp"

namespace bulkhead::control {
namespace {

proxy::Health health_of(const manifest::Service& service) {
  if (!service.healthcheck) return {};
  const manifest::Healthcheck& check = *service.healthcheck;
  proxy::Health health;
  health.kind = check.kind;
  health.guessed = check.guessed;
  health.port = check.port.number;
  if (check.kind == manifest::Healthcheck::Kind::http) health.path = check.path;
  if (check.kind == manifest::Healthcheck::Kind::grpc) health.path = check.service;
  health.interval_ms = static_cast<std::uint32_t>(check.interval.count());
  health.timeout_ms = static_cast<std::uint32_t>(check.timeout.count());
  health.retries = check.retries;
  health.start_period_ms = static_cast<std::uint32_t>(check.start_period.count());
  return health;
}

proxy::Upstream upstream_of(const policy::Model& model, const discovery::Registry& registry, const policy::Edge& edge,
                            const manifest::Resilience& resilience) {
  proxy::Upstream upstream;
  upstream.service = edge.to;
  upstream.port = edge.port.number;
  upstream.protocol = edge.protocol;
  upstream.spiffe_id = spiffe_id_of(model, edge.to);
  upstream.edge = edge;
  for (const discovery::Instance& each : registry.of(edge.to))
    upstream.endpoints.push_back({each.id, each.address, each.ready, each.share});
  upstream.resilience = resilience;
  return upstream;
}

proxy::Egress egress_of(const policy::Edge& edge) {
  const policy::Outside& outside = *edge.outside;
  return {edge.to, outside.scheme, outside.host, edge.port.number, outside.is_address || outside.host == "localhost",
          edge};
}

// What of a route's resilience is also that of the services its splits and fallback lead to: a request that was sent
// there stays there.
manifest::Resilience after_detour(manifest::Resilience resilience) {
  resilience.fallback.reset();
  resilience.faults.clear();
  resilience.split.clear();
  return resilience;
}

// The doors of a service's plan, and which upstream or egress of the snapshot stands behind each.
class Doors {
 public:
  Doors(proxy::Snapshot& snapshot, const manifest::Service& service, const policy::Model& model,
        const discovery::Registry& registry)
      : snapshot_(snapshot), service_(service), model_(model), registry_(registry) {}

  void add(const std::string& address, const policy::Answering& answering) {
    if (!taken_.insert({address, answering.port.number}).second) return;
    const policy::Edge& edge = model_.edges[answering.edge];
    proxy::Door door;
    door.address = address;
    door.port = answering.port.number;
    door.kind = edge.kind == policy::Edge::Kind::egress ? proxy::DoorKind::egress : proxy::DoorKind::upstream;
    door.index = index_of(answering.edge);
    door.handling = answering.handling;
    snapshot_.doors.push_back(door);
  }

 private:
  std::uint32_t index_of(std::size_t edge_index) {
    if (const auto known = indices_.find(edge_index); known != indices_.end()) return known->second;
    const policy::Edge& edge = model_.edges[edge_index];
    std::uint32_t index = 0;
    if (edge.kind == policy::Edge::Kind::egress) {
      index = static_cast<std::uint32_t>(snapshot_.egress.size());
      snapshot_.egress.push_back(egress_of(edge));
    } else {
      index = static_cast<std::uint32_t>(snapshot_.upstreams.size());
      snapshot_.upstreams.push_back(upstream_of(
          model_, registry_, edge, edge.is_declared() ? service_.call(edge.to)->resilience : manifest::Resilience{}));
    }
    indices_.emplace(edge_index, index);
    return index;
  }

  proxy::Snapshot& snapshot_;
  const manifest::Service& service_;
  const policy::Model& model_;
  const discovery::Registry& registry_;
  std::map<std::size_t, std::uint32_t> indices_;
  std::set<std::pair<std::string, std::uint16_t>> taken_;
};

proxy::Snapshot common(const policy::Model& model, const manifest::Application& application, std::string_view service,
                       const std::string& instance, proxy::Role role) {
  proxy::Snapshot snapshot;
  snapshot.app = model.app;
  snapshot.service = service;
  snapshot.instance = instance;
  snapshot.trust_domain = model.trust_domain;
  snapshot.spiffe_id = spiffe_id_of(model, service);
  snapshot.role = role;
  snapshot.hints.manifest = application.file;
  return snapshot;
}

// Owners and lines of the services that this identity has to do with, and of no other.
void add_hints(proxy::Snapshot& snapshot, const manifest::Application& application) {
  std::set<std::string> concerned{snapshot.service};
  for (const policy::Edge& edge : snapshot.inbound.edges) concerned.insert(edge.from);
  for (const proxy::Upstream& upstream : snapshot.upstreams) concerned.insert(upstream.service);
  for (const manifest::Service& service : application.services) {
    if (!concerned.contains(service.name)) continue;
    const manifest::Position& place = service.position;
    snapshot.hints.services.push_back({service.name, service.owner, static_cast<std::uint32_t>(place.line),
                                       place.file == application.file ? "" : place.file});
  }
}

// What callers may not write down either.
void add_hidden_paths(proxy::Snapshot& snapshot, const manifest::Application& application) {
  for (const manifest::Service& service : application.services) {
    if (!service.contract || service.contract->hidden_paths.empty()) continue;
    for (proxy::Upstream& upstream : snapshot.upstreams)
      if (upstream.service == service.name) upstream.hidden_paths = service.contract->hidden_paths;
  }
}

}  // namespace

std::string spiffe_id_of(const policy::Model& model, std::string_view service) {
  return fmt::format("spiffe://{}/{}/{}", model.trust_domain, model.app, service);
}

proxy::Snapshot sidecar_snapshot(const manifest::Application& application, const policy::Model& model,
                                 const discovery::Registry& registry, const manifest::Service& service,
                                 const std::string& instance, const Users& users) {
  proxy::Snapshot snapshot = common(model, application, service.name, instance, proxy::Role::sidecar);
  for (const manifest::DeclaredPort& port : service.ports)
    snapshot.inbound.ports.push_back({port.number.number, port.protocol});
  for (const policy::Edge& edge : model.edges)
    if (edge.kind != policy::Edge::Kind::egress && edge.to == service.name) snapshot.inbound.edges.push_back(edge);
  snapshot.inbound.concurrency = service.concurrency;
  if (service.contract)
    snapshot.inbound.contract = {service.contract->file,
                                 service.contract->text,
                                 service.contract->answers,
                                 service.contract->most_body,
                                 service.mode == manifest::Mode::audit,
                                 service.contract->hidden_paths};
  snapshot.health = health_of(service);
  snapshot.user_keys = users.keys;
  if (const auto seal = users.seals.find(service.name); seal != users.seals.end()) snapshot.user_seal = seal->second;

  const policy::Plan plan = policy::plan(model, service.name);
  Doors doors(snapshot, service, model, registry);
  for (const policy::Name& name : plan.names) {
    snapshot.names.push_back({name.name, policy::to_string(name.address)});
    for (const policy::Answering& answering : name.ports) doors.add(policy::to_string(name.address), answering);
  }
  for (const policy::Wired& wired : plan.wired) {
    const bool any = wired.host == "localhost" || wired.host == "0.0.0.0";
    doors.add(any ? "127.0.0.1" : wired.host, wired.answering);
    if (any) doors.add("::1", wired.answering);
  }
  add_hidden_paths(snapshot, application);
  add_hints(snapshot, application);
  return snapshot;
}

proxy::Snapshot gateway_snapshot(const manifest::Application& application, const policy::Model& model,
                                 const discovery::Registry& registry, const std::string& instance,
                                 const proxy::Certificate& certificate, const Users& users) {
  proxy::Snapshot snapshot = common(model, application, policy::kGateway, instance, proxy::Role::gateway);
  const manifest::Gateway& gateway = *application.gateway;
  const bool tls = gateway.tls.mode != manifest::Tls::Mode::off;
  std::size_t listener = 0;
  for (std::size_t i = 0; i < gateway.listen.size(); ++i)
    snapshot.gateway.listeners.push_back({fmt::format("listen:{}", listener++), tls, false, 0});
  if (gateway.redirect_http)
    snapshot.gateway.listeners.push_back(
        {fmt::format("listen:{}", listener), false, true, gateway.listen.front().port.number});
  snapshot.gateway.tls12 = gateway.tls12;
  snapshot.gateway.rules = gateway.rules;
  snapshot.gateway.providers = users.providers;
  snapshot.gateway.signing_key_pem = users.signing_key_pem;
  // With more of them tokens are signed. Each sidecar has its seal all the same, so that nothing hangs on when it
  // learns how many there are.
  if (users.seals.size() <= jose::kMostSeals)
    for (const auto& [name, seal] : users.seals) snapshot.gateway.seals.push_back(seal);
  snapshot.user_keys = users.keys;
  if (tls) snapshot.gateway.certificates.push_back(certificate);

  for (const policy::Edge& edge : model.edges)
    if (edge.kind == policy::Edge::Kind::egress && edge.from == policy::kGateway)
      snapshot.egress.push_back(egress_of(edge));

  std::map<std::string, const policy::Edge*> routes;
  for (const policy::Edge& edge : model.edges)
    if (edge.kind == policy::Edge::Kind::route) routes.emplace(edge.id, &edge);
  for (std::size_t i = 0; i < gateway.routes.size(); ++i) {
    const manifest::Route& route = gateway.routes[i];
    const auto edge = routes.find(fmt::format("gateway.routes[{}]", i));
    if (edge == routes.end()) continue;
    const auto index = static_cast<std::uint32_t>(snapshot.upstreams.size());
    snapshot.upstreams.push_back(upstream_of(model, registry, *edge->second, route.resilience));
    snapshot.gateway.routes.push_back({route.match.host, route.match.path.text(), route.match.methods, index,
                                       route.rewrite, edge->second->id, route.rules});
    // The route's further edges stand behind its own, here as in the model: proxy::detour finds them there.
    const policy::Edge* end = model.edges.data() + model.edges.size();
    for (const policy::Edge* further = edge->second + 1; further != end; ++further) {
      if (!further->id.starts_with(edge->first + ".")) break;
      snapshot.upstreams.push_back(upstream_of(model, registry, *further, after_detour(route.resilience)));
    }
  }
  add_hidden_paths(snapshot, application);
  add_hints(snapshot, application);
  return snapshot;
}

void add_secret_marks(proxy::Snapshot& snapshot, const ServiceMarks& marks) {
  std::set<std::string> met{snapshot.service};
  for (const policy::Edge& edge : snapshot.inbound.edges) met.insert(edge.from);
  if (snapshot.role == proxy::Role::gateway)
    for (const proxy::Upstream& upstream : snapshot.upstreams) met.insert(upstream.service);
  for (const auto& [service, text] : marks)
    if (met.contains(service)) snapshot.secret_marks.push_back(text);
}

}  // namespace bulkhead::control
