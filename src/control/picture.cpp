// What the collector is told: the application as it is declared and as it runs ("application" of docs/api.md).

#include <unistd.h>

#include "base/build_id.hpp"
#include "compartments/usage.hpp"
#include "control/controller.hpp"
#include "control/snapshots.hpp"
#include "policy/model.hpp"

namespace bulkhead::control {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

// The gateway's is its own, where a service is called "gateway".
std::string name_for_people(const policy::Model& model, std::string_view service) {
  constexpr std::string_view kSpoken = "gateway";
  return std::string(service == policy::kGateway && model.service(kSpoken) == nullptr ? kSpoken : service);
}

json edge_picture(const policy::Model& model, const policy::Edge& edge) {
  json shown = {{"id", edge.id},
                {"kind", to_string(edge.kind)},
                {"from", name_for_people(model, edge.from)},
                {"to", edge.to},
                {"port", edge.port.number},
                {"protocol", to_string(edge.protocol)},
                {"at", manifest::to_string(edge.position)},
                {"audited", edge.audited},
                {"declared", edge.is_declared()},
                {"permissions", json::array()},
                {"denies", json::array()}};
  for (const policy::Permission& each : edge.permissions)
    shown["permissions"].push_back({{"id", each.id}, {"text", each.text}, {"at", manifest::to_string(each.position)}});
  for (const policy::Deny& each : edge.denies)
    shown["denies"].push_back({{"id", each.id}, {"at", manifest::to_string(each.position)}});
  if (edge.when) shown["when"] = edge.when->source;
  if (edge.outside) shown["outside"] = fmt::format("{}://{}", to_string(edge.outside->scheme), edge.outside->host);
  return shown;
}

constexpr auto kUsageEvery = 5s;

json limits_picture(const manifest::Limits& limits) {
  json shown = json::object();
  if (limits.memory) shown["memory_bytes"] = limits.memory->count;
  if (limits.cpu) shown["cpu"] = *limits.cpu;
  if (limits.pids) shown["pids"] = *limits.pids;
  return shown;
}

json service_picture(const manifest::Service& service, const policy::Node* node) {
  json shown = {{"name", service.name},
                {"kind", service.type == manifest::ServiceType::job ? "job" : "service"},
                {"owner", service.owner},
                {"mode", to_string(service.mode.value_or(manifest::Mode::enforce))},
                {"contract", service.contract.has_value()},
                {"limits", limits_picture(service.limits)},
                {"ports", json::array()},
                {"secrets", json::array()}};
  if (node == nullptr) return shown;
  for (const policy::Endpoint& each : node->ports)
    shown["ports"].push_back({{"port", each.port.number}, {"name", each.name}, {"protocol", to_string(each.protocol)}});
  shown["secrets"] = node->secrets;
  return shown;
}

}  // namespace

json Controller::instances_picture(const std::string& service) const {
  const auto wall = std::chrono::system_clock::now();
  json shown = json::array();
  for (const auto& [id, slot] : fleet_.slots()) {
    if (slot.service != service) continue;
    // To the second, as two clocks are compared.
    const auto since = std::chrono::round<std::chrono::seconds>(wall - (loop_.now() - slot.since));
    json instance = {{"id", id},
                     {"state", to_string(slot.phase)},
                     {"reason", slot.reason},
                     {"restarts", slot.restarts},
                     {"since_ms", std::chrono::duration_cast<Millis>(since.time_since_epoch()).count()}};
    if (const auto found = runtimes_.find(id); found != runtimes_.end()) {
      const Runtime& runtime = found->second;
      instance["serial"] = runtime.serial;
      instance["not_after"] = runtime.not_after;
      instance["service_pid"] = runtime.service_pid;
      instance["sidecar_pid"] = runtime.sidecar.process.pid;
      if (!runtime.rejected.empty()) instance["rejected"] = runtime.rejected;
      instance["not_enforced"] = json::array();
      for (const NotEnforced& each : runtime.not_enforced)
        instance["not_enforced"].push_back({{"what", each.what}, {"reason", each.reason}, {"fix", each.fix}});
    }
    shown.push_back(std::move(instance));
  }
  return shown;
}

json Controller::picture() const {
  json shown = {{"app", app_},
                {"controller", {{"pid", ::getpid()}, {"build", build_id()}}},
                {"services", json::array()},
                {"edges", json::array()},
                {"problems", problems()},
                {"manifest", desired_.file}};
  if (!loaded_) return shown;
  const manifest::Application& application = loaded_->application;
  shown["trust_domain"] = loaded_->model.trust_domain;
  const auto add = [&](const std::string& name, json service) {
    service["spiffe_id"] = spiffe_id_of(loaded_->model, name);
    service["instances"] = instances_picture(name);
    if (const auto goal = fleet_.goals().find(name); goal != fleet_.goals().end()) {
      service["scale"] = goal->second.scale;
      add_revision(service, name, goal->second);
    }
    shown["services"].push_back(std::move(service));
  };
  if (application.gateway) {
    add(std::string(policy::kGateway),
        {{"name", name_for_people(loaded_->model, policy::kGateway)}, {"kind", "gateway"}});
    shown["urls"] = gateway_urls(*application.gateway);
  }
  for (const manifest::Service& service : application.services)
    add(service.name, service_picture(service, loaded_->model.service(service.name)));
  for (const policy::Edge& edge : loaded_->model.edges) shown["edges"].push_back(edge_picture(loaded_->model, edge));
  return shown;
}

// How long it keeps what it sees, and where it goes besides; null while a secret of that can't be had, which `status`
// tells. Secrets are in it: it is written down nowhere.
json Controller::telemetry_settings() const {
  if (!loaded_) return nullptr;
  json settings = {{"type", "telemetry"}};
  const manifest::Telemetry& telemetry = loaded_->application.telemetry;
  settings["keep_ms"] = telemetry.keep.count();
  settings["most_bytes"] = telemetry.most.count;
  settings["secret_marks"] = secret_marks_;
  if (!telemetry.exported) {
    settings["export"] = nullptr;
    return settings;
  }
  const manifest::TelemetryExport& exported = *telemetry.exported;
  const auto headers = export_headers(exported, launcher_.directory, contents_);
  if (!headers) return settings;  // it goes on as it was told before
  json signals = json::array();
  for (const auto& [name, wanted] :
       {std::pair("traces", exported.traces), std::pair("logs", exported.logs), std::pair("metrics", exported.metrics)})
    if (wanted) signals.push_back(name);
  settings["export"] = {{"app", loaded_->application.name},
                        {"url", exported.url},
                        {"host", exported.host.host},
                        {"port", exported.host.port.number},
                        {"tls", exported.host.tls},
                        {"anchors", exported.anchors},
                        {"headers", *headers},
                        {"signals", std::move(signals)}};
  return settings;
}

void Controller::tell_collector(Runtime& runtime) {
  const json said = telemetry_settings();
  const std::string settings = said.is_null() ? "" : said.dump(-1, ' ', false, json::error_handler_t::replace);
  const std::string text =
      json{{"type", "application"}, {"application", picture()}}.dump(-1, ' ', false, json::error_handler_t::replace);
  const std::string hash = hash_of(settings + text);
  for (SidecarPeer* peer : {&runtime.sidecar, &runtime.other}) {
    if (peer->channel == nullptr || peer->told == hash) continue;
    if ((settings.empty() || peer->channel->send(settings)) && peer->channel->send(text)) peer->told = hash;
  }
}

// What instances use, for the collector to show: it sees neither groups nor processes.
json Controller::usage_picture() const {
  json shown = json::object();
  for (const auto& [id, runtime] : runtimes_) {
    if (runtime.service == policy::kCollector) continue;
    const pid_t first = runtime.service == policy::kGateway ? runtime.sidecar.process.pid : runtime.service_pid;
    const compartments::Usage usage = compartments::usage_of(runtime.cgroups, first);
    json instance = {{"service", runtime.service}};
    if (usage.cpu_us) instance["cpu_us"] = *usage.cpu_us;
    if (usage.memory_bytes) instance["memory_bytes"] = *usage.memory_bytes;
    if (usage.pids) instance["pids"] = *usage.pids;
    shown[id] = std::move(instance);
  }
  return shown;
}

void Controller::tell_usage() {
  const auto now = std::chrono::duration_cast<Millis>(std::chrono::system_clock::now().time_since_epoch()).count();
  const std::string text = json{{"type", "usage"}, {"at_ms", now}, {"instances", usage_picture()}}.dump();
  for (auto& [id, runtime] : runtimes_) {
    if (runtime.service != policy::kCollector) continue;
    for (SidecarPeer* peer : {&runtime.sidecar, &runtime.other})
      if (peer->channel != nullptr) static_cast<void>(peer->channel->send(text));  // the next one comes soon
  }
}

net::Task<> Controller::keep_collector_told() {
  auto usage_at = loop_.now();
  for (;;) {
    if (loop_.now() >= usage_at) {
      tell_usage();
      usage_at = loop_.now() + kUsageEvery;
    }
    const auto changed = co_await changed_.wait(loop_.in(1s));
    static_cast<void>(changed);
    for (auto& [id, runtime] : runtimes_)
      if (runtime.service == policy::kCollector) tell_collector(runtime);
  }
}

}  // namespace bulkhead::control
