// Calls, health checks and routes: what their names and ports refer to.

#include <algorithm>

#include <fmt/ranges.h>

#include "base/nearest.hpp"
#include "manifest/draft.hpp"

namespace bulkhead::manifest {

namespace {

std::vector<std::string> active_names(const Draft& draft) {
  std::vector<std::string> names;
  for (const ServiceDraft& each : draft.services) {
    if (each.active) names.push_back(each.service.name);
  }
  return names;
}

std::vector<Port> called_ports(Context& context, const CallDraft& call, const Service& target) {
  std::vector<Port> ports;
  if (call.ports.empty()) {
    for (const DeclaredPort& port : target.ports) ports.push_back(port.number);
  }
  for (const Text& text : call.ports) {
    const DeclaredPort* port = find_port(context, text, target);
    if (port && std::ranges::find(ports, port->number) == ports.end()) ports.push_back(port->number);
  }
  return ports;
}

// What all of `ports` speak; nothing, reported, where permissions cannot apply to all of them.
std::optional<Protocol> common_protocol(Context& context, const CallDraft& call, const std::vector<Port>& ports,
                                        const Service& target) {
  Protocol protocol = target.port(ports.front())->protocol;
  bool same = std::ranges::all_of(ports, [&](Port port) { return target.port(port)->protocol == protocol; });
  if (!same) {
    Mistake& mistake = context.report.add(
        call.mark, "call",
        fmt::format("'{}' speaks more than one protocol: say which port the permissions are for", call.target));
    mistake.allowed = ports_of(target);
    mistake.help.push_back(fmt::format("write '{}: {{port: ..., allow: [...]}}'", call.target));
    return std::nullopt;
  }
  if (protocol != Protocol::tcp) return protocol;
  context.report
      .add(call.mark, "call", fmt::format("'{}' speaks tcp, which has no methods or paths to permit", call.target))
      .help.push_back(fmt::format("write '{}:' for the whole of it", call.target));
  return std::nullopt;
}

std::vector<Permission> permissions(Context& context, const CallDraft& draft, const std::vector<Port>& ports,
                                    const Service& target) {
  std::vector<Permission> result;
  if (draft.permissions.empty() || ports.empty()) return result;
  auto protocol = common_protocol(context, draft, ports, target);
  if (!protocol) return result;
  for (const Text& text : draft.permissions) {
    auto permission = parse_permission(text.value, *protocol);
    if (permission) {
      permission->position = context.report.position(text.mark);
      result.push_back(std::move(*permission));
      continue;
    }
    Mistake& mistake = context.report.add(text.mark, "permission",
                                          fmt::format("'{}' is no permission to call '{}'", text.value, draft.target));
    mistake.found = fmt::format("'{}'", text.value);
    mistake.allowed = *protocol == Protocol::grpc ? "package.Service/Method or package.Service/*"
                                                  : "GET /items/*, GET|POST /items, * /items, /items";
    if (*protocol == Protocol::http) mistake.help.push_back(permission.error().message);
  }
  return result;
}

std::string methods_text(const Match& match) {
  return match.methods.empty() ? "any method" : fmt::format("{}", fmt::join(match.methods, ", "));
}

bool same_requests(const Match& a, const Match& b) {
  auto sorted = [](std::vector<std::string> methods) {
    std::ranges::sort(methods);
    return methods;
  };
  bool overlap = std::ranges::any_of(
      a.methods, [&](const std::string& method) { return std::ranges::find(b.methods, method) != b.methods.end(); });
  return a.host == b.host && a.path == b.path && (overlap || sorted(a.methods) == sorted(b.methods));
}

// Reports a route that answers the same requests as an earlier one.
void check_conflict(Context& context, const std::vector<Route>& earlier, const RouteDraft& draft) {
  for (const Route& route : earlier) {
    if (!same_requests(route.match, draft.route.match)) continue;
    std::string host = route.match.host.empty() ? "any host" : route.match.host;
    Mistake& mistake = context.report.add(draft.mark, "route",
                                          fmt::format("a second route for {} with {} at {}", route.match.path.text(),
                                                      methods_text(draft.route.match), host));
    mistake.help.push_back(fmt::format("the first is at {}; remove one of them",
                                       context.report.place(context.report.mark(route.position), draft.mark)));
    return;
  }
}

// They come by the gateway's own handshake.
void check_certificates(Context& context, const Application& application) {
  if (application.gateway->tls.mode != Tls::Mode::off) return;
  for (const Route& route : application.gateway->routes) {
    if (!route.rules.auth) continue;
    for (const std::string& name : route.rules.auth->by) {
      const auto provider = std::ranges::find(application.auth, name, &Provider::name);
      if (provider == application.auth.end() || !provider->client_certificates) continue;
      context.report
          .add(route.position, "auth", fmt::format("client certificates of '{}' come by TLS, and 'tls' is off", name))
          .help.emplace_back("let the gateway do TLS, or leave that provider out here");
      return;
    }
  }
}

}  // namespace

std::string ports_of(const Service& service) {
  std::vector<std::string> texts;
  for (const DeclaredPort& port : service.ports) texts.push_back(fmt::format("{} ({})", port.number.number, port.name));
  return fmt::format("{}", fmt::join(texts, ", "));
}

bool can_be_called(Context& context, const Text& name, const ServiceDraft& target, std::string_view deed) {
  if (target.service.type == ServiceType::job) {
    context.report.add(name.mark, "job",
                       fmt::format("'{}' is a job, and there is nothing {}", target.service.name, deed));
    return false;
  }
  if (!target.service.ports.empty()) return true;
  context.report.add(name.mark, "no-port", fmt::format("'{}' has no port {}", target.service.name, deed))
      .help.push_back(fmt::format("give service '{}' a 'port'", target.service.name));
  return false;
}

Destination destination_of(const Text& text) {
  std::size_t colon = text.value.find(':');
  Destination destination{{text.value.substr(0, colon), text.mark}, {}};
  if (colon != std::string::npos) destination.port = Text{text.value.substr(colon + 1), text.mark};
  return destination;
}

const DeclaredPort* find_port(Context& context, const Text& text, const Service& service) {
  auto number = parse_port(text.value);
  for (const DeclaredPort& port : service.ports) {
    if (number ? port.number == *number : port.name == text.value) return &port;
  }
  Mistake& mistake = context.report.add(text.mark, "no-such-port",
                                        fmt::format("service '{}' has no port '{}'", service.name, text.value));
  mistake.found = fmt::format("'{}'", text.value);
  mistake.allowed = ports_of(service);
  return nullptr;
}

const ServiceDraft* find_service(Context& context, const Draft& draft, const Text& name, bool from_active,
                                 std::string_view deed) {
  const ServiceDraft* target = draft.find(name.value);
  if (!target) {
    Mistake& mistake =
        context.report.add(name.mark, "no-such-service", fmt::format("no service is named '{}'", name.value));
    mistake.found = fmt::format("'{}'", name.value);
    std::vector<std::string> names = active_names(draft);
    mistake.did_you_mean = nearest(name.value, names);
    mistake.allowed = fmt::format("{}", fmt::join(names, ", "));
    return nullptr;
  }
  if (target->active || !from_active) return target;
  Mistake& mistake =
      context.report.add(name.mark, "inactive-service",
                         fmt::format("service '{}' is not part of the application: it belongs to the profile {}",
                                     name.value, fmt::join(target->service.profiles, " or ")));
  mistake.help.push_back(fmt::format("activate that profile, or give what wants {} it the same 'profiles'", deed));
  return nullptr;
}

void resolve_calls(Context& context, Draft& draft, ServiceDraft& service) {
  for (const CallDraft& each : service.calls) {
    Text name{each.target, each.mark};
    if (each.target == service.service.name) {
      context.report.add(each.mark, "call", fmt::format("'{}' calls itself", each.target))
          .help.emplace_back("a program reaches itself over localhost: no call is needed");
      continue;
    }
    const ServiceDraft* target = find_service(context, draft, name, service.active, "to call");
    if (!target || !can_be_called(context, name, *target, "to call")) continue;
    Call call{.service = each.target,
              .at = each.at,
              .resilience = each.resilience.value,
              .position = context.report.position(each.mark)};
    call.when = each.when;
    for (const Text& alias : each.as) call.as.push_back(alias.value);
    call.ports = called_ports(context, each, target->service);
    call.permissions = permissions(context, each, call.ports, target->service);
    check_ports(context, each.resilience, target->service, call.ports);
    if (call.at && call.ports.size() > 1) {
      Mistake& mistake = context.report.add(
          each.mark, "call", fmt::format("'at' is one address, and '{}' has {} ports", each.target, call.ports.size()));
      mistake.allowed = ports_of(target->service);
      mistake.help.push_back(fmt::format("say which: '{}: {{port: ..., at: ...}}'", each.target));
    }
    if (!call.ports.empty()) service.service.calls.push_back(std::move(call));
  }
}

void resolve_health(Context& context, ServiceDraft& draft) {
  Service& service = draft.service;
  if (service.ports.empty()) {
    if (draft.health && service.type == ServiceType::service) {
      context.report.add(draft.health->mark, "healthcheck",
                         fmt::format("service '{}' has a 'healthcheck' but no 'port' to check", service.name));
    }
    return;
  }
  HealthDraft health = draft.health.value_or(HealthDraft{});
  const DeclaredPort* port = health.port ? find_port(context, *health.port, service) : &service.ports.front();
  if (!port) return;
  Protocol protocol = health.has_path ? Protocol::http : port->protocol;
  if (health.type) protocol = *protocol_of(health.type->value);
  if (protocol != Protocol::http && health.has_path) {
    context.report.add(health.mark, "healthcheck",
                       fmt::format("the healthcheck of service '{}' has a 'path', which only http has", service.name));
  }
  if (protocol != Protocol::grpc && !health.check.service.empty()) {
    context.report.add(
        health.mark, "healthcheck",
        fmt::format("the healthcheck of service '{}' has a 'service', which only grpc has", service.name));
  }
  health.check.kind = protocol == Protocol::http   ? Healthcheck::Kind::http
                      : protocol == Protocol::grpc ? Healthcheck::Kind::grpc
                                                   : Healthcheck::Kind::tcp;
  health.check.guessed = !health.type && !health.has_path;
  health.check.port = port->number;
  service.healthcheck = health.check;
}

void resolve_routes(Context& context, Draft& draft) {
  if (!draft.application.gateway) return;
  std::vector<Route>& routes = draft.application.gateway->routes;
  for (RouteDraft& each : draft.routes) {
    if (each.valid) check_conflict(context, routes, each);
    Destination destination = destination_of(each.to);
    const Text& name = destination.service;
    const ServiceDraft* target = find_service(context, draft, name, true, "to route to");
    if (!target || !can_be_called(context, name, *target, "to route to")) continue;
    const DeclaredPort* port = &target->service.ports.front();
    if (destination.port) port = find_port(context, *destination.port, target->service);
    if (!port) continue;
    if (port->protocol == Protocol::tcp) {
      context.report.add(
          each.to.mark, "route",
          fmt::format("a route needs http or grpc, and port {} of '{}' speaks tcp", port->number.number, name.value));
      continue;
    }
    each.route.service = name.value;
    each.route.port = port->number;
    each.route.resilience = each.resilience.value;
    resolve_route_detours(context, draft, each.resilience, each.route);
    routes.push_back(each.route);
  }
  complete_edge_rules(*draft.application.gateway);
  check_certificates(context, draft.application);
}

}  // namespace bulkhead::manifest
