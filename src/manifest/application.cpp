#include "manifest/application.hpp"

#include <algorithm>
#include <array>

namespace bulkhead::manifest {

const DeclaredPort* Service::port(Port number) const {
  auto found = std::ranges::find(ports, number, &DeclaredPort::number);
  return found == ports.end() ? nullptr : &*found;
}

const Call* Service::call(std::string_view target) const {
  auto found = std::ranges::find(calls, target, &Call::service);
  return found == calls.end() ? nullptr : &*found;
}

const Service* Application::service(std::string_view wanted) const {
  auto found = std::ranges::find(services, wanted, &Service::name);
  return found == services.end() ? nullptr : &*found;
}

std::vector<const GrantedSecret*> Application::granted_secrets() const {
  std::vector<const GrantedSecret*> all;
  for (const Service& service : services)
    for (const GrantedSecret& each : service.secrets) all.push_back(&each);
  if (telemetry.exported)
    for (const ExportHeader& each : telemetry.exported->headers) all.push_back(&each.value);
  return all;
}

std::string to_string(const Position& position) {
  if (position.line == 0) return position.file;
  return fmt::format("{}:{}:{}", position.file, position.line, position.column);
}

std::string_view to_string(Protocol protocol) {
  switch (protocol) {
    case Protocol::http: return "http";
    case Protocol::grpc: return "grpc";
    case Protocol::tcp: return "tcp";
  }
  return "tcp";
}

std::optional<Protocol> protocol_of(std::string_view text) {
  for (Protocol protocol : {Protocol::http, Protocol::grpc, Protocol::tcp}) {
    if (text == to_string(protocol)) return protocol;
  }
  return std::nullopt;
}

std::string_view to_string(Scheme scheme) {
  switch (scheme) {
    case Scheme::http: return "http";
    case Scheme::https: return "https";
    case Scheme::tcp: return "tcp";
  }
  return "tcp";
}

ContractKind contract_kind(std::string_view file) {
  constexpr std::array<std::string_view, 4> kEnds{".proto", ".binpb", ".pb", ".protoset"};
  const bool protobuf = std::ranges::any_of(kEnds, [&](std::string_view end) { return file.ends_with(end); });
  return protobuf ? ContractKind::protobuf : ContractKind::openapi;
}

std::string_view to_string(AnswerMode mode) {
  switch (mode) {
    case AnswerMode::filter: return "filter";
    case AnswerMode::report: return "report";
    case AnswerMode::off: return "off";
  }
  return "off";
}

std::string_view to_string(Mode mode) {
  switch (mode) {
    case Mode::enforce: return "enforce";
    case Mode::audit: return "audit";
    case Mode::learn: return "learn";
  }
  return "enforce";
}

std::string_view to_string(ServiceType type) { return type == ServiceType::job ? "job" : "service"; }

std::string_view to_string(Condition condition) {
  switch (condition) {
    case Condition::started: return "started";
    case Condition::ready: return "ready";
    case Condition::done: return "done";
  }
  return "started";
}

std::string_view to_string(Healthcheck::Kind kind) {
  switch (kind) {
    case Healthcheck::Kind::http: return "http";
    case Healthcheck::Kind::grpc: return "grpc";
    case Healthcheck::Kind::tcp: return "tcp";
  }
  return "tcp";
}

}  // namespace bulkhead::manifest
