#include "manifest/warnings.hpp"

#include <algorithm>
#include <set>

#include <fmt/ranges.h>

#include "manifest/addresses.hpp"
#include "manifest/assemble.hpp"
#include "manifest/secret.hpp"

namespace bulkhead::manifest {

namespace {

bool leads_to(const Route& route, const std::string& name) {
  const Resilience& resilience = route.resilience;
  bool by_split = std::ranges::find(resilience.split, name, &Split::to) != resilience.split.end();
  return route.service == name || by_split || (resilience.fallback && resilience.fallback->to == name);
}

bool is_called(const Application& application, const std::string& name) {
  bool by_service = std::ranges::any_of(application.services, [&](const Service& other) { return other.call(name); });
  bool by_route = application.gateway && std::ranges::any_of(application.gateway->routes,
                                                             [&](const Route& route) { return leads_to(route, name); });
  return by_service || by_route;
}

void warn_uncalled(const Application& application, Report& report) {
  for (const Service& service : application.services) {
    if (service.ports.empty() || is_called(application, service.name)) continue;
    if (service.mode == Mode::learn) continue;  // who calls it is what is to be learned
    report
        .warn(service.position, "uncalled",
              fmt::format("nobody calls service '{}' and no route leads to it", service.name))
        .help.emplace_back("write it in 'calls' of whoever needs it, or remove its port");
  }
}

void warn_unused_secrets(const Application& application, Report& report) {
  if (!application.inactive.empty()) return;  // those may be whom it is for
  for (const Secret& secret : application.secrets) {
    bool used = std::ranges::any_of(application.granted_secrets(),
                                    [&](const GrantedSecret* each) { return each->secret.name == secret.name; });
    if (used) continue;
    report.warn(secret.position, "unused-secret", fmt::format("no service names the secret '{}'", secret.name))
        .help.push_back(fmt::format("write it under whoever needs it: secrets: [{}]", secret.name));
  }
}

// Depth first through the calls; each cycle is told once, at the call that closes it.
class CallCycles {
 public:
  CallCycles(const Application& application, Report& report) : application_(application), report_(report) {}

  void run() {
    for (const Service& service : application_.services) visit(service);
  }

 private:
  void visit(const Service& service) {
    if (!seen_.insert(service.name).second) return;
    path_.push_back(service.name);
    for (const Call& call : service.calls) follow(call);
    path_.pop_back();
  }

  void follow(const Call& call) {
    auto start = std::ranges::find(path_, call.service);
    if (start == path_.end()) {
      if (const Service* next = application_.service(call.service)) visit(*next);
      return;
    }
    std::vector<std::string> cycle(start, path_.end());
    cycle.push_back(call.service);
    report_.warn(call.position, "call-cycle", fmt::format("a cycle of calls: {}", fmt::join(cycle, " -> ")))
        .help.emplace_back("none of these services is independent of the others, and a breach in one reaches all");
  }

  const Application& application_;
  Report& report_;
  std::set<std::string> seen_;
  std::vector<std::string> path_;
};

class EnvironmentWarnings {
 public:
  EnvironmentWarnings(const Application& application, const Service& service, Report& report)
      : application_(application), service_(service), report_(report) {}

  void run() {
    for (const Variable& variable : service_.environment) {
      warn_secret(variable);
      for (const PeerAddress& address : addresses_in(variable.name, variable.value)) warn_address(variable, address);
    }
  }

 private:
  void warn_secret(const Variable& variable) {
    auto why = looks_secret(variable.name, variable.value);
    bool known = std::ranges::find(service_.not_secret, variable.name) != service_.not_secret.end();
    if (why.empty() || known) return;
    report_
        .warn(variable.position, "secret",
              fmt::format("'{}' of service '{}' looks like a secret ({})", variable.name, service_.name, why))
        .help.emplace_back(
            "every process of the service can read its environment: name it under 'secrets', and it is a file of "
            "/run/secrets");
  }

  void warn_address(const Variable& variable, const PeerAddress& address) {
    if (address.is_localhost) return warn_localhost(variable, address);
    const Service* peer = named(address.host);
    if (!peer || peer->name == service_.name || peer->ports.empty()) return;
    const Call* call = service_.call(peer->name);
    if (!call) return warn_undeclared(variable, *peer);
    if (address.port && !answers(*peer, *call, *address.port)) warn_port(variable, *peer, *call, *address.port);
  }

  // The service that the program means by `name`.
  const Service* named(const std::string& name) const {
    auto call = std::ranges::find_if(
        service_.calls, [&](const Call& each) { return std::ranges::find(each.as, name) != each.as.end(); });
    return application_.service(call == service_.calls.end() ? name : call->service);
  }

  static bool answers(const Service& peer, const Call& call, Port port) {
    bool at_80 = port.number == 80 && std::ranges::any_of(call.ports, [&](Port called) {
                   const DeclaredPort* declared = peer.port(called);
                   return declared && declared->protocol != Protocol::tcp;
                 });
    return at_80 || std::ranges::find(call.ports, port) != call.ports.end();
  }

  void warn_undeclared(const Variable& variable, const Service& peer) {
    report_
        .warn(variable.position, "undeclared-peer",
              fmt::format("'{}' of service '{}' names service '{}', which its 'calls' lack", variable.name,
                          service_.name, peer.name))
        .help.push_back(fmt::format("to allow it, write under {}: calls: {{{}: }}", service_.name, peer.name));
  }

  void warn_port(const Variable& variable, const Service& peer, const Call& call, Port port) {
    std::vector<std::string> ports;
    for (Port called : call.ports) ports.push_back(to_string(called));
    Mistake& mistake = report_.warn(variable.position, "peer-port",
                                    fmt::format("'{}' of service '{}' names port {} of '{}', where nothing answers",
                                                variable.name, service_.name, port.number, peer.name));
    mistake.allowed = fmt::format("{}", fmt::join(ports, ", "));
  }

  void warn_localhost(const Variable& variable, const PeerAddress& address) {
    bool wired = std::ranges::any_of(service_.calls,
                                     [&](const Call& call) { return call.at && call.at->port == *address.port; });
    if (wired || service_.port(*address.port)) return;
    report_
        .warn(variable.position, "localhost",
              fmt::format(
                  "'{}' of service '{}' names port {} of localhost, which is its own compartment and where nothing "
                  "is declared",
                  variable.name, service_.name, address.port->number))
        .help.push_back(fmt::format("if a peer should answer there: calls: {{PEER: {{at: \"localhost:{}\"}}}}",
                                    address.port->number));
  }

  const Application& application_;
  const Service& service_;
  Report& report_;
};

void warn_audited(const Application& application, Report& report) {
  for (const Service& service : application.services) {
    if (service.ports.empty() || service.mode != Mode::audit) continue;
    report
        .warn(service.position, "audit",
              fmt::format("what the rules of its callers do not cover passes at '{}': its mode is audit", service.name))
        .help.emplace_back("once nothing is recorded that should not be: mode: enforce");
  }
}

// One for all of them: usually that is every service.
void warn_learning(const Application& application, Report& report) {
  std::vector<std::string> names;
  const Service* first = nullptr;
  for (const Service& service : application.services) {
    if (service.mode != Mode::learn) continue;
    if (first == nullptr) first = &service;
    names.push_back(fmt::format("'{}'", service.name));
  }
  if (first == nullptr) return;
  report
      .warn(
          first->position, "learn",
          fmt::format("what no call declares passes between services whose mode is learn: {}", fmt::join(names, ", ")))
      .help.emplace_back("once 'calls' have the lines that were recorded: mode: enforce");
}

// Lines with values are shown without them, whatever is said about them.
void hide_all_values(Report& report) {
  for (std::size_t file = 0; file < report.files(); ++file) {
    const auto number = static_cast<std::uint16_t>(file);
    Tree tree = read_tree(report.source(number).text, number);
    if (tree.root) hide_values(report, *tree.root);
  }
}

}  // namespace

std::vector<Mistake> warnings(const Application& application, std::string_view text) {
  return warnings(application, std::vector{Source{application.file, "", std::string(text)}});
}

std::vector<Mistake> warnings(const Application& application, const std::vector<Source>& sources) {
  Report report(sources);
  hide_all_values(report);
  warn_uncalled(application, report);
  warn_audited(application, report);
  warn_learning(application, report);
  CallCycles(application, report).run();
  warn_unused_secrets(application, report);
  for (const Service& service : application.services) EnvironmentWarnings(application, service, report).run();
  return report.take_mistakes();
}

}  // namespace bulkhead::manifest
