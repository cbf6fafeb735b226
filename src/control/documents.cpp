#include "control/documents.hpp"

#include <algorithm>

#include "contracts/contract.hpp"
#include "control/desired.hpp"
#include "control/users.hpp"
#include "net/tls.hpp"
#include "policy/model.hpp"
#include "proxy/contract_desk.hpp"
#include "proxy/provider.hpp"

namespace bulkhead::control {

namespace {

// The text of `path`, reported where there is none.
const std::string* document_of(const Desired& desired, const std::string& path, const manifest::Position& position,
                               std::string_view what, manifest::Report& report) {
  const auto found = desired.documents.find(path);
  if (found != desired.documents.end()) return &found->second;
  if (const auto unmade = desired.unmade.find(path); unmade != desired.unmade.end()) {
    report.add(position, "contract", fmt::format("{} can not be read: {}", what, unmade->second));
    return nullptr;
  }
  report.add(position, "no-such-file", fmt::format("{} '{}' does not exist or can not be read", what, path))
      .help.push_back(fmt::format("a readable file of at most {} KiB", kLargestDocument / 1024));
  return nullptr;
}

void take_keys(manifest::Provider& provider, const Desired& desired, manifest::Report& report) {
  if (provider.jwks.empty()) return;
  const std::string* text =
      document_of(desired, provider.jwks, provider.position, fmt::format("the key set of '{}'", provider.name), report);
  if (text == nullptr) return;
  provider.keys = *text;
  if (const auto keys = proxy::read_key_set(provider_of(provider)); !keys)
    report.add(
        provider.position, "keys",
        fmt::format("the keys of '{}' can not be used: {}: {}", provider.name, provider.jwks, keys.error().message));
}

void take_anchors(manifest::Provider& provider, const Desired& desired, manifest::Report& report) {
  if (!provider.client_certificates) return;
  manifest::ClientCertificates& words = *provider.client_certificates;
  const std::string* text =
      document_of(desired, words.ca, provider.position, fmt::format("the certificates of '{}'", provider.name), report);
  if (text == nullptr) return;
  words.anchors = *text;
  if (const auto anchors = proxy::read_client_anchors(provider_of(provider)); !anchors)
    report.add(provider.position, "keys",
               fmt::format("the certificates of '{}' can not be used: {}: {}", provider.name, words.ca,
                           anchors.error().message));
}

void take_export_anchors(manifest::TelemetryExport& exported, const Desired& desired, manifest::Report& report) {
  if (exported.ca.empty()) return;
  const std::string* text =
      document_of(desired, exported.ca, exported.position, "the authority of 'export' of 'telemetry'", report);
  if (text == nullptr) return;
  exported.anchors = *text;
  if (const auto anchors = net::certificates_from_pem(*text); !anchors)
    report.add(exported.position, "keys",
               fmt::format("the authority of 'export' can not be used: {}: {}", exported.ca, anchors.error().message));
}

// What conditions may ask of a contract.
struct PointedOut {
  bool grpc = false;
  std::vector<std::string> names;
  std::vector<std::string> hidden_paths;
};

Result<PointedOut> read_pointed_out(const proxy::ServiceContract& written) {
  if (manifest::contract_kind(written.file) == manifest::ContractKind::protobuf) {
    const auto read = proxy::read_grpc_contract(written);
    if (!read) return fail(read.error());
    return PointedOut{.grpc = true, .names = {}, .hidden_paths = {}};
  }
  const auto read = proxy::read_contract(written);
  if (!read) return fail(read.error());
  PointedOut pointed;
  for (const std::string_view name : (*read)->resources()) pointed.names.emplace_back(name);
  pointed.hidden_paths = (*read)->hidden_paths();
  return pointed;
}

// Nothing where there is no contract that can be used.
std::optional<PointedOut> take_contract(manifest::Service& service, const Desired& desired, manifest::Report& report) {
  if (!service.contract) return std::nullopt;
  manifest::Contract& contract = *service.contract;
  const std::string* text =
      document_of(desired, contract.file, contract.position, fmt::format("the contract of '{}'", service.name), report);
  if (text == nullptr) return std::nullopt;
  contract.text = *text;
  auto read = read_pointed_out({.file = contract.file, .text = contract.text});
  if (read) contract.hidden_paths = read->hidden_paths;
  if (read) return std::move(*read);
  report.add(contract.position, "contract",
             fmt::format("the contract of '{}' can not be held: {}", service.name, read.error().message));
  return std::nullopt;
}

constexpr auto kResource = static_cast<conditions::Slot>(manifest::Asked::resource);

// What a condition asks of the callee's contract is pointed out there.
void check_asked(const policy::Edge& edge, const manifest::When& when, const PointedOut& contract,
                 manifest::Report& report) {
  for (const std::string& name : when.condition.fields_of(kResource)) {
    if (std::ranges::find(contract.names, name) != contract.names.end()) continue;
    manifest::Mistake& mistake = report.add(
        when.position, "condition",
        fmt::format("the condition asks for resource.{}, and the contract of '{}' points out none of that name", name,
                    edge.to));
    if (!contract.names.empty()) mistake.allowed = fmt::format("{}", fmt::join(contract.names, ", "));
    mistake.help.push_back(
        contract.grpc ? "a contract of gRPC points out nothing"
                      : fmt::format("x-bulkhead-resource: {{{}: {{in: path, name: ...}}}} at the operation", name));
  }
}

using Contracts = std::map<std::string, std::optional<PointedOut>>;

void check_resource(const policy::Edge& edge, const manifest::When& when, const manifest::Service* callee,
                    const Contracts& contracts, manifest::Report& report) {
  if (!when.condition.reads(kResource)) return;
  if (callee == nullptr || !callee->contract) {
    report
        .add(when.position, "condition",
             fmt::format("the condition asks what a request is about, and '{}' has no contract that points it out",
                         edge.to))
        .help.push_back(fmt::format("give '{}' one, with x-bulkhead-resource: contract: openapi.yaml", edge.to));
  } else if (const auto& contract = contracts.at(edge.to)) {
    check_asked(edge, when, *contract, report);
  }
}

void check_resources(const manifest::Application& application, const Contracts& contracts, manifest::Report& report) {
  for (const policy::Edge& edge : policy::compile(application).edges) {
    // A mode makes no manifest wrong: where a rule asks for what is not there, it denies what is learned.
    if (!edge.is_declared()) continue;
    const manifest::Service* callee = application.service(edge.to);
    if (edge.when) check_resource(edge, *edge.when, callee, contracts, report);
    for (const policy::Deny& deny : edge.denies)
      if (deny.when) check_resource(edge, *deny.when, callee, contracts, report);
  }
}

}  // namespace

std::vector<std::string> documents_of(const manifest::Application& application) {
  std::vector<std::string> paths;
  const auto add = [&](const std::string& path) {
    if (!path.empty() && std::ranges::find(paths, path) == paths.end()) paths.push_back(path);
  };
  for (const manifest::Provider& provider : application.auth) {
    add(provider.jwks);
    if (provider.client_certificates) add(provider.client_certificates->ca);
  }
  for (const manifest::Service& service : application.services)
    if (service.contract) add(service.contract->file);
  if (application.telemetry.exported) add(application.telemetry.exported->ca);
  return paths;
}

void take_documents(manifest::Application& application, const Desired& desired, manifest::Report& report) {
  for (manifest::Provider& provider : application.auth) {
    take_keys(provider, desired, report);
    take_anchors(provider, desired, report);
  }
  if (application.telemetry.exported) take_export_anchors(*application.telemetry.exported, desired, report);
  Contracts contracts;
  for (manifest::Service& service : application.services)
    contracts[service.name] = take_contract(service, desired, report);
  check_resources(application, contracts, report);
}

}  // namespace bulkhead::control
