// Splits and fallbacks: where their names lead, and whether the ports of a call can have what is written for it.

#include <algorithm>
#include <ranges>

#include <fmt/ranges.h>

#include "base/nearest.hpp"
#include "manifest/draft.hpp"

namespace bulkhead::manifest {

namespace {

// A split or a fallback of one call or route that leads to `text`.
struct Detour {
  std::string what;  // "split 1 of route 2"
  const Text& text;
  std::string& to;
  Port& port;
  bool fallback;
};

std::vector<Detour> detours_of(const ResilienceDraft& written, Resilience& value) {
  std::vector<Detour> detours;
  for (std::size_t i = 0; i < value.split.size(); ++i) {
    detours.push_back({fmt::format("split {} of {}", i + 1, written.owner), written.split_to[i], value.split[i].to,
                       value.split[i].port, false});
  }
  if (written.fallback_to) {
    detours.push_back({fmt::format("'fallback' of {}", written.owner), *written.fallback_to, value.fallback->to,
                       value.fallback->port, true});
  }
  return detours;
}

// The port of `callee` that a detour from a port with `protocol` takes, one of `ports`; reports where there is none.
const DeclaredPort* detour_port(Context& context, const Destination& destination, const Service& callee,
                                const std::vector<Port>& ports, Protocol protocol, const std::string& what) {
  const DeclaredPort* port = nullptr;
  if (destination.port) {
    port = find_port(context, *destination.port, callee);
    if (!port) return nullptr;
    if (std::ranges::find(ports, port->number) == ports.end()) {
      context.report
          .add(destination.service.mark, "resilience",
               fmt::format("{} leads to port {} of '{}', which is not called", what, port->number.number, callee.name))
          .allowed = fmt::format("{}", fmt::join(ports | std::views::transform(&Port::number), ", "));
      return nullptr;
    }
  } else {
    auto same = std::ranges::find_if(ports, [&](Port each) { return callee.port(each)->protocol == protocol; });
    if (same != ports.end()) port = callee.port(*same);
  }
  if (port && port->protocol == protocol) return port;
  std::string why = port ? fmt::format("port {} of '{}', which speaks {}, not {}", port->number.number, callee.name,
                                       to_string(port->protocol), to_string(protocol))
                         : fmt::format("'{}', where no port speaks {}", callee.name, to_string(protocol));
  context.report.add(destination.service.mark, "resilience", fmt::format("{} leads to {}", what, why)).allowed =
      ports_of(callee);
  return nullptr;
}

void refuse_own(Context& context, const Detour& detour, const std::string& callee) {
  context.report
      .add(detour.text.mark, "resilience",
           fmt::format("{} leads to '{}' itself, which has just failed", detour.what, callee))
      .help.emplace_back("name another service, or give an answer: {status: 200, body: \"[]\"}");
}

void refuse_answer(Context& context, const ResilienceDraft& written, const Service& callee, Port port) {
  if (!written.fallback_answer || callee.port(port)->protocol != Protocol::grpc) return;
  context.report
      .add(*written.fallback_answer, "resilience",
           fmt::format("'status' in 'fallback' of {} is no answer to gRPC, which port {} of '{}' speaks", written.owner,
                       port.number, callee.name))
      .help.emplace_back("name another service: {to: OTHER}");
}

class CallDetours {
 public:
  CallDetours(Context& context, const Draft& draft, const ServiceDraft& caller)
      : context_(context), draft_(draft), caller_(caller) {}

  void resolve(const CallDraft& written, Call& call) {
    const Service& callee = draft_.find(call.service)->service;
    for (Port port : call.ports) refuse_answer(context_, written.resilience, callee, port);
    std::vector<Detour> detours = detours_of(written.resilience, call.resilience);
    if (detours.empty()) return;
    if (call.ports.size() > 1) return refuse_ports(detours.front(), call, callee);
    for (Detour& detour : detours) follow(detour, call, callee.port(call.ports.front())->protocol);
  }

 private:
  void follow(Detour& detour, const Call& call, Protocol protocol) {
    Destination destination = destination_of(detour.text);
    const std::string& name = destination.service.value;
    if (detour.fallback && name == call.service) return refuse_own(context_, detour, name);
    const Call* target = caller_.service.call(name);
    if (!target) return refuse_undeclared(detour, name);
    const Service& callee = draft_.find(name)->service;
    const DeclaredPort* port = detour_port(context_, destination, callee, target->ports, protocol, detour.what);
    if (!port) return;
    detour.to = name;
    detour.port = port->number;
  }

  // A call that is written, but could not be resolved, was reported already.
  void refuse_undeclared(const Detour& detour, const std::string& name) {
    if (std::ranges::find(caller_.calls, name, &CallDraft::target) != caller_.calls.end()) return;
    std::vector<std::string> names;
    for (const CallDraft& each : caller_.calls) names.push_back(each.target);
    const std::string& caller = caller_.service.name;
    Mistake& mistake =
        context_.report.add(detour.text.mark, "resilience",
                            fmt::format("{} leads to '{}', which 'calls' of '{}' lacks", detour.what, name, caller));
    mistake.did_you_mean = nearest(name, names);
    mistake.allowed = fmt::format("{}", fmt::join(names, ", "));
    if (draft_.find(name)) mistake.help.push_back(fmt::format("write under {}: calls: {{{}: }}", caller, name));
  }

  void refuse_ports(const Detour& detour, const Call& call, const Service& callee) {
    Mistake& mistake = context_.report.add(
        detour.text.mark, "resilience",
        fmt::format("{} is for one port, and '{}' is called at {}", detour.what, call.service, call.ports.size()));
    mistake.allowed = ports_of(callee);
    mistake.help.push_back(fmt::format("say which: '{}: {{port: ...}}'", call.service));
  }

  Context& context_;
  const Draft& draft_;
  const ServiceDraft& caller_;
};

}  // namespace

void check_ports(Context& context, const ResilienceDraft& written, const Service& callee,
                 const std::vector<Port>& ports) {
  auto tcp = std::ranges::find_if(ports, [&](Port port) { return callee.port(port)->protocol == Protocol::tcp; });
  if (tcp == ports.end()) return;
  for (const Text& key : written.of_requests) {
    Mistake& mistake = context.report.add(key.mark, "resilience",
                                          fmt::format("'{}' of {} is for requests, and port {} of '{}' speaks tcp",
                                                      key.value, written.owner, tcp->number, callee.name));
    mistake.help.push_back(ports.size() == 1 ? std::string("a tcp port has 'slow_start' alone")
                                             : "say which port it is for: 'port: ...'");
  }
}

void resolve_call_detours(Context& context, const Draft& draft, ServiceDraft& service) {
  CallDetours detours(context, draft, service);
  for (Call& call : service.service.calls) {
    auto written = std::ranges::find(service.calls, call.service, &CallDraft::target);
    detours.resolve(*written, call);
  }
}

void resolve_route_detours(Context& context, const Draft& draft, const ResilienceDraft& written, Route& route) {
  const Service& callee = draft.find(route.service)->service;
  refuse_answer(context, written, callee, route.port);
  Protocol protocol = callee.port(route.port)->protocol;
  for (Detour& detour : detours_of(written, route.resilience)) {
    Destination destination = destination_of(detour.text);
    const std::string& name = destination.service.value;
    if (detour.fallback && name == route.service) {
      refuse_own(context, detour, name);
      continue;
    }
    const ServiceDraft* target = find_service(context, draft, destination.service, true, "to route to");
    if (!target || !can_be_called(context, destination.service, *target, "to route to")) continue;
    std::vector<Port> ports;
    for (const DeclaredPort& each : target->service.ports) ports.push_back(each.number);
    const DeclaredPort* port = detour_port(context, destination, target->service, ports, protocol, detour.what);
    if (!port) continue;
    detour.to = name;
    detour.port = port->number;
  }
}

void check_concurrency(Context& context, const ServiceDraft& draft) {
  if (!draft.concurrency || draft.service.type == ServiceType::job) return;
  const Service& service = draft.service;
  bool requests =
      std::ranges::any_of(service.ports, [](const DeclaredPort& port) { return port.protocol != Protocol::tcp; });
  if (requests) return;
  context.report.add(
      *draft.concurrency, "resilience",
      fmt::format("'concurrency' of service '{}' is for requests, and it has no port that speaks http or "
                  "grpc",
                  service.name));
}

}  // namespace bulkhead::manifest
