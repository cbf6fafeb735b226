// What `status` and `watch` answer.

#include <algorithm>

#include <unistd.h>

#include "base/build_id.hpp"
#include "control/controller.hpp"
#include "control/snapshots.hpp"
#include "policy/model.hpp"

namespace bulkhead::control {

using nlohmann::json;

namespace {

json instance_json(const Slot& slot, const Runtime* runtime, bool outdated, Time now) {
  json result = {{"id", slot.id},         {"state", to_string(slot.phase)},
                 {"reason", slot.reason}, {"restarts", slot.restarts},
                 {"outdated", outdated},  {"since_ms", std::chrono::duration_cast<Millis>(now - slot.since).count()}};
  if (slot.phase == Phase::backoff)
    result["retry_ms"] = std::max<std::int64_t>(0, std::chrono::duration_cast<Millis>(slot.until - now).count());
  if (runtime == nullptr) return result;
  result["keeper_pid"] = runtime->keeper.pid;
  result["keeper_build"] = runtime->keeper_build;
  if (runtime->has_init) result["init_build"] = runtime->init_build;
  result["sidecar_pid"] = runtime->sidecar.process.pid;
  result["sidecar_build"] = runtime->sidecar.build;
  result["service_pid"] = runtime->service_pid;
  result["serial"] = runtime->serial;
  result["not_after"] = runtime->not_after;
  if (!runtime->doors_problem.empty()) result["rejected"] = runtime->doors_problem;
  if (!runtime->secrets_problem.empty()) result["rejected"] = "its secrets: " + runtime->secrets_problem;
  if (!runtime->rejected.empty()) result["rejected"] = runtime->rejected;
  result["behind"] = runtime->is_behind();
  json missing = json::array();
  for (const auto& each : runtime->not_enforced)
    missing.push_back({{"what", each.what}, {"reason", each.reason}, {"fix", each.fix}});
  result["not_enforced"] = missing;
  return result;
}

json totals_json(const Totals& totals) {
  return {{"requests", totals.requests},
          {"errors", totals.errors},
          {"p50_us", totals.latency.quantile_micros(0.5)},
          {"p99_us", totals.latency.quantile_micros(0.99)}};
}

}  // namespace

json gateway_urls(const manifest::Gateway& gateway) {
  json urls = json::array();
  for (const manifest::Listen& listen : gateway.listen) {
    const std::string host = listen.host == "0.0.0.0" || listen.host == "::" ? "localhost"
                             : listen.host.find(':') != std::string::npos    ? "[" + listen.host + "]"
                                                                             : listen.host;
    urls.push_back(fmt::format("{}://{}:{}", gateway.tls.mode == manifest::Tls::Mode::off ? "http" : "https", host,
                               manifest::to_string(listen.port)));
  }
  return urls;
}

// Everything wanted is ready, every sidecar has what it was told last, and everyone has been heard: a controller that
// has just returned knows only what was.
bool Controller::settled() const {
  if (!loaded_ || !fleet_.settled() || reconcile_.scheduled()) return false;
  if (fleet_.goals().contains(std::string(policy::kGateway)) && gateway_sockets_.empty()) return false;
  return std::ranges::all_of(runtimes_, [](const auto& entry) {
    const Runtime& runtime = entry.second;
    return runtime.keeper_channel != nullptr && !runtime.is_behind();
  });
}

// The service's revision, how far its update is, and why it is another one than the manifest's.
void Controller::add_revision(json& shown, const std::string& name, const Goal& goal) const {
  if (const Revision* current = history_->current(name)) {
    shown["revision"] = current->number;
    if (desired_.pinned.contains(name)) shown["pinned"] = current->why;
  }
  int left = 0;
  for (const auto& [id, slot] : fleet_.slots())
    left += slot.service == name && slot.alive() && slot.revision != goal.revision ? 1 : 0;
  if (left > 0 || (!goal.proven && goal.can_go_back))
    shown["updating"] = {{"left", left},
                         {"canary", fleet_.is_first_step(name, loop_.now())},
                         {"can_go_back", !goal.proven && goal.can_go_back}};
  if (const auto due = due_.find(name); due != due_.end()) shown["due"] = due->second.at;
}

json Controller::problems() const {
  json list = json::array();
  if (!save_problem_.empty())
    list.push_back(
        fmt::format("what runs could not be written down, so a controller that returns would not know "
                    "instances that were started since: {}",
                    save_problem_));
  if (!audit_problem_.empty())
    list.push_back(
        fmt::format("the audit log could not be written, so exec, run and forward are refused: {}", audit_problem_));
  for (const std::string& problem : role_problems_) list.push_back(problem);
  for (json& problem : secret_problems()) list.push_back(std::move(problem));
  for (const auto& [id, runtime] : runtimes_)
    if (const std::string& problem = runtime.sidecar.export_problem; !problem.empty())
      list.push_back(fmt::format("telemetry is not exported (it is kept, and sent later): {}", problem));
  const std::string build = build_id();
  const auto is_other = [&](const std::string& each) { return !each.empty() && each != build; };
  const auto others = std::ranges::count_if(runtimes_, [&](const auto& entry) {
    return is_other(entry.second.keeper_build) || is_other(entry.second.init_build) ||
           is_other(entry.second.sidecar.build);
  });
  if (others > 0)
    list.push_back(
        fmt::format("{} of {} instances are of another build of the platform than this controller: "
                    "bulkhead upgrade moves all to one",
                    others, runtimes_.size()));
  return list;
}

json Controller::status() const {
  json result = {{"ok", true},
                 {"app", app_},
                 {"controller", {{"pid", ::getpid()}, {"build", build_id()}}},
                 {"going_down", fleet_.going_down()},
                 {"down", gone_for_good_},
                 {"settled", settled()},
                 {"services", json::array()},
                 {"calls", json::array()},
                 {"denied", json::array()},
                 {"learned", json::array()}};
  if (const json problems = this->problems(); !problems.empty()) result["problems"] = problems;
  if (!loaded_) return result;
  result["manifest"] = desired_.file;
  if (loaded_->application.gateway && desired_.selects(std::string(policy::kGateway)))
    result["gateway"] = {{"urls", gateway_urls(*loaded_->application.gateway)}};
  for (const auto& [name, goal] : fleet_.goals()) {
    if (name == policy::kCollector) continue;
    const manifest::Service* service = loaded_->application.service(name);
    Totals totals;
    if (const auto it = retired_.find(name); it != retired_.end()) totals = it->second;
    json instances = json::array();
    for (const auto& [id, slot] : fleet_.slots()) {
      if (slot.service != name) continue;
      const auto runtime = runtimes_.find(id);
      if (runtime != runtimes_.end()) totals.add(totals_of(runtime->second));
      instances.push_back(instance_json(slot, runtime == runtimes_.end() ? nullptr : &runtime->second,
                                        slot.revision != goal.revision, loop_.now()));
    }
    json shown = {
        {"name", name == policy::kGateway ? "gateway" : name},
        {"gateway", name == policy::kGateway},
        {"owner", service == nullptr ? "" : service->owner},
        {"mode", service == nullptr ? "" : std::string(to_string(service->mode.value_or(manifest::Mode::enforce)))},
        {"job", goal.job},
        {"scale", goal.scale},
        {"spiffe_id", spiffe_id_of(loaded_->model, name)},
        {"instances", instances},
        {"totals", totals_json(totals)}};
    add_revision(shown, name, goal);
    result["services"].push_back(std::move(shown));
  }
  for (const auto& [id, slot] : fleet_.slots()) {
    if (slot.service != policy::kCollector) continue;
    const auto runtime = runtimes_.find(id);
    result["collector"] =
        instance_json(slot, runtime == runtimes_.end() ? nullptr : &runtime->second, false, loop_.now());
  }
  for (const manifest::Service& service : loaded_->application.services)
    if (!desired_.selects(service.name)) result["not_started"].push_back(service.name);
  for (const auto& [id, run] : runs_)
    result["runs"].push_back({{"instance", id}, {"service", run.service}, {"by", run.by}, {"beside", run.beside}});
  for (const auto& [id, runtime] : runtimes_) {
    for (const SidecarPeer* peer : {&runtime.sidecar, &runtime.other}) {
      for (const std::string_view part : {"calls", "denied", "learned"}) {
        if (!peer->stats.is_object() || !peer->stats.contains(part)) continue;
        for (json each : peer->stats[part]) {
          if (!each.is_object()) continue;
          each["seen_by"] = id;
          result[part].push_back(std::move(each));
        }
      }
    }
  }
  return result;
}

}  // namespace bulkhead::control
