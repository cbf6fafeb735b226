// contract show and contract diff: the application's API as one document, and whom a change of it breaks.

#include <algorithm>
#include <filesystem>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/fd.hpp"
#include "cli/commands.hpp"
#include "contracts/diff.hpp"
#include "contracts/merge.hpp"
#include "contracts/protobuf_diff.hpp"
#include "control/documents.hpp"
#include "jose/base64url.hpp"
#include "policy/decide.hpp"

namespace bulkhead::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// What a path of `service` is called at the gateway; nothing where no route leads to it.
std::optional<std::string> outside(const manifest::Application& application, const std::string& service,
                                   const std::string& path) {
  if (!application.gateway) return path;
  for (const manifest::Route& route : application.gateway->routes) {
    if (route.service != service) continue;
    if (!route.rewrite) {
      if (route.match.path.matches(path)) return path;
      continue;
    }
    std::string_view prefix = route.match.path.literal_prefix();
    prefix = prefix.substr(0, prefix.rfind('/') + 1);
    std::string inside = *route.rewrite;
    if (!inside.ends_with('/')) inside += '/';
    if (path.starts_with(inside)) return std::string(prefix) + path.substr(inside.size());
  }
  return std::nullopt;
}

// Each template of a path as some plain segment.
std::string sample_of(std::string_view path) {
  std::string sample;
  bool inside = false;
  for (const char c : path) {
    if (c == '{') sample += 'x';
    inside = c == '{' || (inside && c != '}');
    if (!inside && c != '}') sample += c;
  }
  return sample;
}

// Who may send requests of that operation, by what the manifest declares.
std::vector<std::string> callers_of(const policy::Model& model, const std::string& service,
                                    const contracts::Change& change) {
  std::vector<std::string> callers;
  const std::string path = sample_of(change.path);
  for (const policy::Edge& edge : model.edges) {
    if (edge.to != service || edge.kind == policy::Edge::Kind::egress) continue;
    const policy::Attempt attempt{edge.from, edge.to, edge.port, edge.protocol, change.method, path};
    if (policy::decide({&edge, 1}, attempt).verdict == policy::Verdict::denied) continue;
    const std::string name = edge.from == policy::kGateway ? "the gateway" : edge.from;
    if (std::ranges::find(callers, name) == callers.end()) callers.push_back(name);
  }
  return callers;
}

bool is_file(const control::Desired& desired, const std::string& written, const std::string& path) {
  std::error_code error;
  return fs::equivalent(fs::path(desired.directory) / written, path, error);
}

// The service whose contract one of the two files is; "" where none is.
std::string service_of(const Opened& opened, const std::string& before, const std::string& after) {
  for (const std::string& path : {after, before})
    for (const manifest::Service& service : opened.loaded.application.services)
      if (service.contract && is_file(opened.desired, service.contract->file, path)) return service.name;
  return "";
}

Result<contracts::Contract> read_openapi(const std::string& path) {
  auto text = read_file(path);
  if (!text) return fail(std::move(text.error()));
  return contracts::Contract::read(*text, path);
}

Result<contracts::ProtobufContract> read_descriptors(const std::string& path) {
  const auto text = control::read_document(fs::absolute(path).string(), fs::current_path().string());
  if (!text) return fail(text.error());
  return contracts::ProtobufContract::read(*jose::decode_base64url(*text), path);
}

bool is_protobuf(const std::string& path) { return manifest::contract_kind(path) == manifest::ContractKind::protobuf; }

// What changed, of either kind.
template <class Read>
Result<std::vector<contracts::Change>> changes_between(const std::string& before, const std::string& after, Read read) {
  const auto was = read(before);
  if (!was) return fail(was.error());
  const auto is = read(after);
  if (!is) return fail(is.error());
  return contracts::diff(*was, *is);
}

Result<std::vector<contracts::Change>> changes_between(const std::string& before, const std::string& after) {
  if (is_protobuf(before) != is_protobuf(after))
    return fail(Cause::invalid, "{} and {} are contracts of two kinds: OpenAPI, and descriptors of gRPC", before,
                after);
  return is_protobuf(before) ? changes_between(before, after, read_descriptors)
                             : changes_between(before, after, read_openapi);
}

// Each gRPC service's methods and messages, by the service of the manifest; null where there is none.
Result<json> grpc_of(const manifest::Application& application) {
  json all;
  for (const manifest::Service& service : application.services) {
    if (!service.contract || !is_protobuf(service.contract->file)) continue;
    const auto descriptors = jose::decode_base64url(service.contract->text);
    const auto contract = contracts::ProtobufContract::read(descriptors.value_or(""), service.contract->file);
    if (!contract) return fail(contract.error());
    all[service.name] = json::parse(contracts::describe(*contract));
  }
  return all;
}

json change_json(const contracts::Change& change, const std::vector<std::string>& callers) {
  return {{"breaking", change.breaking}, {"method", change.method}, {"path", change.path}, {"where", change.where},
          {"pointer", change.pointer},   {"what", change.what},     {"callers", callers}};
}

}  // namespace

int contract_show(const Context& context) {
  const auto opened = open_manifest(context);
  if (!opened) return opened.error();
  const manifest::Application& application = opened->loaded.application;
  std::vector<contracts::Node> documents;
  std::vector<std::string> names;
  for (const manifest::Service& service : application.services) {
    if (!service.contract || is_protobuf(service.contract->file)) continue;
    auto document = contracts::read_document(service.contract->text, service.contract->file);
    if (!document) return complain(document.error());
    documents.push_back(std::move(*document));
    names.push_back(service.name);
  }
  const auto grpc = grpc_of(application);
  if (!grpc) return complain(grpc.error());
  if (names.empty() && grpc->is_null()) return complain("no service names a contract: contract: openapi.yaml");
  std::vector<contracts::Part> parts;
  for (std::size_t i = 0; i < names.size(); ++i)
    parts.push_back({names[i], &documents[i],
                     [&, name = names[i]](const std::string& path) { return outside(application, name, path); }});
  json shown = {{"openapi", "3.1.0"}, {"info", {{"title", application.name}, {"version", "1"}}}};
  shown["paths"] = json::object();
  if (!names.empty()) {
    const auto merged = contracts::merge(application.name, parts);
    if (!merged) return complain(merged.error());
    shown = json::parse(*merged);
  }
  if (!grpc->is_null()) shown["x-bulkhead-grpc"] = *grpc;
  say(shown.dump(2));
  return kDone;
}

int contract_diff(const Context& context, const std::string& before, const std::string& after) {
  const auto changes = changes_between(before, after);
  if (!changes) return complain(changes.error()), kUsage;
  const auto opened = open_manifest(context);
  if (!opened) return opened.error();
  const std::string service = service_of(*opened, before, after);
  const bool breaks = std::ranges::any_of(*changes, &contracts::Change::breaking);
  json list = json::array();
  for (const contracts::Change& change : *changes) {
    const auto callers = callers_of(opened->loaded.model, service, change);
    if (context.json) {
      list.push_back(change_json(change, callers));
      continue;
    }
    std::string line = to_string(change);
    if (change.breaking && !callers.empty()) line += fmt::format(" (called by {})", fmt::join(callers, ", "));
    if (change.breaking && callers.empty() && !service.empty()) line += " (declared by no caller)";
    say(line);
  }
  if (context.json) say(json{{"service", service}, {"breaking", breaks}, {"changes", list}}.dump(2));
  if (!context.json && changes->empty()) say("nothing that a caller could tell");
  if (!context.json && service.empty() && breaks)
    complain(fmt::format("no service of {} has one of them as its contract: who calls it is not known",
                         spoken_files(context)));
  return breaks ? kFailed : kDone;
}

}  // namespace bulkhead::cli
