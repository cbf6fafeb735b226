#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "policy/deny.hpp"

namespace bulkhead::policy {

namespace {

std::vector<Permission> compile(const std::vector<manifest::Permission>& permissions, const std::string& rule) {
  std::vector<Permission> compiled;
  for (const manifest::Permission& each : permissions) {
    compiled.push_back({.id = fmt::format("{}[{}]", rule, compiled.size()),
                        .methods = each.methods,
                        .path = each.path,
                        .text = each.text,
                        .position = each.position});
  }
  return compiled;
}

Protocol protocol_at(const manifest::Application& application, std::string_view service, Port port) {
  const manifest::Service* callee = application.service(service);
  const manifest::DeclaredPort* declared = callee ? callee->port(port) : nullptr;
  return declared ? declared->protocol : Protocol::tcp;
}

bool has_mode(const manifest::Application& application, std::string_view service, manifest::Mode mode) {
  const manifest::Service* callee = application.service(service);
  return callee != nullptr && callee->mode == mode;
}

void add_call(const manifest::Application& application, const std::string& from, const manifest::Call& call,
              std::vector<Edge>& edges) {
  for (Port port : call.ports) {
    Edge edge{.kind = Edge::Kind::call, .from = from, .to = call.service, .port = port};
    edge.id = fmt::format("{}.calls.{}", from, call.service);
    edge.protocol = protocol_at(application, call.service, port);
    edge.permissions = compile(call.permissions, edge.id);
    if (call.at) edge.at = LocalAddress{call.at->host, call.at->port};
    edge.as = call.as;
    edge.when = call.when;
    edge.audited = has_mode(application, call.service, manifest::Mode::audit);
    if (has_mode(application, call.service, manifest::Mode::learn)) edge.learned = Edge::Learned::lines;
    edge.position = call.position;
    edges.push_back(std::move(edge));
  }
}

// A name means one peer: what the caller knows somebody else by is not learned.
bool is_alias(const manifest::Service& caller, const std::string& name) {
  return std::ranges::any_of(
      caller.calls, [&](const manifest::Call& call) { return std::ranges::find(call.as, name) != call.as.end(); });
}

// Where the caller learns: a way to each port of each other service that learns too, but for those that it declares.
// The callee's wall is the callee's, so that no line of the caller alone opens it.
void add_learned(const manifest::Application& application, const manifest::Service& caller, std::vector<Edge>& edges) {
  if (caller.mode != manifest::Mode::learn) return;
  for (const manifest::Service& callee : application.services) {
    if (callee.mode != manifest::Mode::learn || callee.name == caller.name || is_alias(caller, callee.name)) continue;
    const manifest::Call* call = caller.call(callee.name);
    for (const manifest::DeclaredPort& port : callee.ports) {
      if (call && std::ranges::find(call->ports, port.number) != call->ports.end()) continue;
      Edge edge{.kind = Edge::Kind::call, .from = caller.name, .to = callee.name, .port = port.number};
      edge.protocol = port.protocol;
      edge.learned = Edge::Learned::whole;
      edge.id = fmt::format("{}.learn.{}", caller.name, callee.name);
      edge.position = caller.position;
      edges.push_back(std::move(edge));
    }
  }
}

void add_egress(std::string id, const std::string& from, const manifest::Egress& egress, std::vector<Edge>& edges) {
  Edge edge{.kind = Edge::Kind::egress, .from = from, .to = egress.name, .port = egress.port};
  edge.id = std::move(id);
  edge.protocol = egress.scheme == Scheme::tcp ? Protocol::tcp : Protocol::http;
  edge.outside = Outside{egress.scheme, egress.host, egress.is_address};
  edge.position = egress.position;
  edges.push_back(std::move(edge));
}

// The gateway fetches the keys of those who vouch for end users.
void add_key_hosts(const manifest::Provider& provider, std::vector<Edge>& edges) {
  for (std::size_t i = 0; i < provider.hosts.size(); ++i) {
    const manifest::KeyHost& host = provider.hosts[i];
    manifest::Egress egress{.name = provider.name, .host = host.host, .port = host.port};
    if (i > 0) egress.name += fmt::format("-{}", i + 1);
    egress.scheme = host.tls ? Scheme::https : Scheme::http;
    egress.is_address = host.is_address;
    egress.position = provider.position;
    add_egress(fmt::format("auth.{}", egress.name), std::string(kGateway), egress, edges);
  }
}

// A way of a route is the gateway's call, with the paths that the service sees after the rewrite.
void add_way(const manifest::Application& application, const manifest::Route& route, const std::string& to, Port port,
             std::string id, std::vector<Edge>& edges) {
  Edge edge{.kind = Edge::Kind::route, .from = std::string(kGateway), .to = to, .port = port};
  edge.id = std::move(id);
  edge.protocol = protocol_at(application, to, port);
  edge.position = route.position;
  edge.when = route.when;
  edge.audited = has_mode(application, to, manifest::Mode::audit);
  PathPattern seen = rewritten_pattern(route);
  std::vector<std::string> methods = edge.protocol == Protocol::http ? route.match.methods : std::vector<std::string>();
  if (!methods.empty() || !seen.matches_everything()) {
    std::string text = methods.empty() ? "*" : fmt::format("{}", fmt::join(methods, "|"));
    text += " " + seen.text();
    edge.permissions.push_back({edge.id + ".match", std::move(methods), seen, std::move(text), route.position});
  }
  edges.push_back(std::move(edge));
}

// The route's own way first, then one to each other place that its splits and its fallback lead to.
void add_route(const manifest::Application& application, const manifest::Route& route, std::size_t index,
               std::vector<Edge>& edges) {
  std::string id = fmt::format("gateway.routes[{}]", index);
  std::set<std::pair<std::string, Port>> ways;
  auto add = [&](const std::string& to, Port port, std::string way) {
    if (ways.emplace(to, port).second) add_way(application, route, to, port, std::move(way), edges);
  };
  add(route.service, route.port, id);
  const manifest::Resilience& resilience = route.resilience;
  for (std::size_t i = 0; i < resilience.split.size(); ++i)
    add(resilience.split[i].to, resilience.split[i].port, fmt::format("{}.split[{}]", id, i));
  if (resilience.fallback && !resilience.fallback->to.empty())
    add(resilience.fallback->to, resilience.fallback->port, id + ".fallback");
}

Node describe(const manifest::Service& service) {
  Node node{.name = service.name, .owner = service.owner, .job = service.type == manifest::ServiceType::job};
  node.position = service.position;
  for (const manifest::DeclaredPort& port : service.ports) {
    node.ports.push_back({port.number, port.name, port.protocol});
  }
  for (const manifest::GrantedSecret& each : service.secrets) node.secrets.push_back(each.secret.name);
  return node;
}

}  // namespace

Model compile(const manifest::Application& application) {
  Model model{.app = application.name, .trust_domain = application.trust_domain};
  for (const manifest::Service& service : application.services) {
    model.services.push_back(describe(service));
    for (const manifest::Call& call : service.calls) add_call(application, service.name, call, model.edges);
    add_learned(application, service, model.edges);
    for (const manifest::Egress& egress : service.egress)
      add_egress(fmt::format("{}.egress.{}", service.name, egress.name), service.name, egress, model.edges);
  }
  if (application.gateway) {
    const auto& routes = application.gateway->routes;
    for (std::size_t i = 0; i < routes.size(); ++i) add_route(application, routes[i], i, model.edges);
    for (const manifest::Provider& provider : application.auth) add_key_hosts(provider, model.edges);
  }
  for (Edge& edge : model.edges) edge.denies = denies_on(application, edge);
  number_names(model, {});
  return model;
}

std::string number_key(std::string_view service, std::string_view outside_name) {
  return fmt::format("{} {}", service, outside_name);
}

namespace {

class Numberer {
 public:
  explicit Numberer(std::map<std::string, std::uint32_t> known) : numbers_(std::move(known)) {
    for (const auto& [key, number] : numbers_) note(key, number);
  }

  void add(const std::string& key) {
    if (numbers_.contains(key)) return;
    const std::uint32_t number = highest_[group_of(key)] + 1;
    numbers_[key] = number;
    note(key, number);
  }
  std::map<std::string, std::uint32_t> take() { return std::move(numbers_); }

 private:
  // Services are one group; each service's names outside are another.
  static std::string group_of(std::string_view key) {
    const std::size_t space = key.find(' ');
    return space == std::string_view::npos ? "" : std::string(key.substr(0, space));
  }
  void note(std::string_view key, std::uint32_t number) {
    std::uint32_t& highest = highest_[group_of(key)];
    highest = std::max(highest, number);
  }

  std::map<std::string, std::uint32_t> numbers_;
  std::map<std::string, std::uint32_t> highest_;
};

}  // namespace

void number_names(Model& model, std::map<std::string, std::uint32_t> known) {
  Numberer numberer(std::move(known));
  for (const Node& service : model.services) numberer.add(service.name);
  for (const Edge& edge : model.edges) {
    if (edge.kind != Edge::Kind::egress) continue;
    numberer.add(number_key(edge.from, edge.to));
    if (!edge.outside->is_address) numberer.add(number_key(edge.from, edge.outside->host));
  }
  for (const Edge& edge : model.edges)
    for (const std::string& alias : edge.as) numberer.add(number_key(edge.from, alias));
  model.numbers = numberer.take();
}

const Node* Model::service(std::string_view name) const {
  auto found = std::ranges::find(services, name, &Node::name);
  return found == services.end() ? nullptr : &*found;
}

bool Model::has_gateway() const {
  return std::ranges::any_of(edges, [](const Edge& edge) { return edge.kind == Edge::Kind::route; });
}

bool Permission::covers(std::string_view method, std::string_view request_path) const noexcept {
  bool method_covered = methods.empty() || std::ranges::find(methods, method) != methods.end();
  return method_covered && path.matches(request_path);
}

std::string_view to_string(Edge::Kind kind) {
  switch (kind) {
    case Edge::Kind::call: return "call";
    case Edge::Kind::route: return "route";
    case Edge::Kind::egress: return "egress";
  }
  return "call";
}

std::string_view to_string(Edge::Learned learned) {
  switch (learned) {
    case Edge::Learned::nothing: return "nothing";
    case Edge::Learned::lines: return "lines";
    case Edge::Learned::whole: return "whole";
  }
  return "nothing";
}

}  // namespace bulkhead::policy
