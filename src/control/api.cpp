// What the command line asks: one JSON object each way, {"verb": ...} and {"ok": true, ...} or {"ok": false, "error":
// ...}. roles.cpp says which role each verb takes; clients.cpp asks for it and records.
//
//   apply    {desired, names, seen, secrets}  makes it what is wanted, and tells "changes" and "effects", see
//                                difference.hpp. "secrets" are the variables that its secrets come from, as far as they
//                                are set where `up` runs; those that are not stay what they were.
//                                "names" are the services that were named, "seen" says of running services what they
//                                are made of: it replaces those of which something else is known. "as_of_ns" says of
//                                services whose files were looked at when that began: a copy has no later edit. These
//                                may be absent
//   plan     {desired, seen, secrets}  only tells. "secrets" counts of an admin alone: for others the answer would say
//                                whether a guess is right
//   status                       see status()
//   watch                        a status with each change, until the caller goes or the application is down
//   down     {keep}              stops everything, in order; with `keep` what is desired stays on disk for a resume
//   restart  {service}           each instance is replaced, by the service's rules
//   rollback {service, to}       the service is what it was before, or in revision `to`
//   history  {service}           "services": the revisions of each, oldest first, with what each changed
//   scale    {service, count}
//   identity {service}           its SPIFFE ID and the certificates of its instances
//   audit    {since, service}    "entries" of the audit log; both may be absent

#include <chrono>

#include <unistd.h>

#include "base/fd.hpp"
#include "compartments/command_check.hpp"
#include "control/controller.hpp"
#include "control/edge_certificate.hpp"
#include "control/reply.hpp"
#include "control/snapshots.hpp"
#include "policy/model.hpp"

namespace bulkhead::control {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr int kMaxScale = 256;

// "up web catalog"
std::string up_of(const json& request) {
  std::string why = "up";
  for (const json& name : request.value("names", json::array())) why += " " + name.get<std::string>();
  return why;
}

}  // namespace

json Controller::answer(const json& request, const std::string& who) {
  const std::string verb = request.value("verb", "");
  if (verb == "apply" || verb == "plan") return apply(request, who);
  if (verb == "status") return status();
  if (verb == "scale") return scale(request, who);
  if (verb == "history") return history(request);
  if (verb == "rollback") return roll_back(request, who);
  if (verb == "identity") return identity(request);
  if (verb == "audit")
    return {
        {"ok", true},
        {"entries", read_audit(launcher_.places.audit(), {request.value("since", ""), request.value("service", "")})}};
  if (verb == "down") {
    keep_desired_ = request.value("keep", false);
    fleet_.want_down();
    reconcile_soon();
    return {{"ok", true}};
  }
  if (verb == "restart") {
    const std::string service = request.at("service");
    if (!fleet_.restart(service)) return failure(why_not_there(service));
    reconcile_soon();
    return {{"ok", true}};
  }
  return failure(fmt::format("unknown verb '{}'", verb));
}

std::string Controller::why_not_there(const std::string& service) const {
  const bool declared = loaded_ && loaded_->application.service(service) != nullptr;
  return declared ? fmt::format("'{0}' was not started: bulkhead up {0}", service)
                  : fmt::format("no service is called '{}'", service);
}

// What nobody has looked at this time is as it was. What runs without anybody knowing of which files is taken to run
// from those that are there. Gives the services that somebody has looked at.
std::map<std::string, std::int64_t> Controller::take_sources(Desired& desired, const json& request) const {
  const bool up = loaded_ && !fleet_.going_down();
  const json said = request.value("as_of_ns", json::object());
  std::map<std::string, std::int64_t> looked_at;
  const auto look = [&](const std::string& service) {
    const std::int64_t now = file_time_ns();
    looked_at[service] = std::min(said.value(service, now), now);
  };
  for (const auto& [service, hash] : desired.sources) look(service);
  for (const auto& [service, hash] : desired_.sources) desired.sources.try_emplace(service, hash);
  const auto seen = request.find("seen");
  if (seen == request.end()) return looked_at;
  for (const auto& [service, hash] : seen->items()) {
    const bool unknown = up && fleet_.goals().contains(service) && !desired_.sources.contains(service);
    if (unknown) continue;
    desired.sources[service] = hash;
    look(service);
  }
  return looked_at;
}

json Controller::apply(const json& request, const std::string& who) {
  auto desired = desired_from_json(request.at("desired").dump());
  if (!desired) return failure(desired.error().message);
  for (const auto& [service, count] : desired_.scale) desired->scale.try_emplace(service, count);
  std::map<std::string, std::int64_t> looked_at = take_sources(*desired, request);
  desired->pinned.clear();  // what went back is tried again
  desired->held.clear();
  desired->numbers = fleet_.going_down() ? std::map<std::string, std::uint32_t>() : desired_.numbers;
  if (auto selected = select(*desired); !selected) return failure(selected.error().message);
  const bool only_told = request.value("verb", "") == "plan";
  bool same = *desired == desired_ && loaded_ && !fleet_.going_down();
  if (!same)
    if (auto checked = check_commands(*desired, only_told); !checked) return failure(checked.error().message);
  auto loaded = load_pinned(*desired);
  if (!loaded) return failure(loaded.error().message);
  Variables variables = variables_with(request, *loaded);
  SecretContents contents = contents_of(*desired, *loaded, variables);
  if (auto checked = check_secrets(*desired, *loaded, contents); !checked) return failure(checked.error().message);
  same = same && !has_changed_secrets(contents);
  json changes = {{"changes", json::array()}, {"effects", json::array()}};
  if (!same) changes = difference(*desired, *loaded, contents);
  changes["ok"] = true;
  changes["changed"] = !same;
  if (only_told) return changes;
  if (same) {
    set_contents(std::move(contents));  // a controller that only knew their digests has them now
  } else {
    auto taken = take(std::move(*desired), true, {who, up_of(request), std::move(looked_at)}, nullptr,
                      Read{std::move(*loaded), std::move(contents)});
    if (!taken) return failure(taken.error().message);
  }
  if (auto kept = keep_variables(std::move(variables)); !kept) return failure(kept.error().message);
  reconcile_soon();
  return changes;
}

// Every service's command must be there once its root is built; otherwise nothing is started at all. Before it is built
// it may not be there yet.
Result<> Controller::check_commands(const Desired& desired, bool only_told) const {
  const auto loaded = load(desired);
  if (!loaded) return fail(Cause::invalid, "{}", manifest::render(loaded.error().mistakes));
  Launcher launcher = launcher_;
  launcher.directory = desired.directory;
  std::string text;
  for (const manifest::Service& service : loaded->application.services) {
    if (!desired.selects(service.name) || (only_told && service.build)) continue;
    const auto ids = ids_of(launcher, loaded->application, service.name);
    if (!ids) return fail(ids.error());
    const auto spec = sidecar_spec(launcher, loaded->application, loaded->model, service, service.name, *ids);
    for (const auto& problem : compartments::check_command(*spec.compartment, desired.launcher_path))
      text += fmt::format("\n{}: service '{}': {}{}", manifest::to_string(service.position), service.name,
                          problem.message, problem.fix.empty() ? "" : "\n  fix: " + problem.fix);
  }
  if (!text.empty()) return fail(Cause::invalid, "nothing was started:{}", text);
  return {};
}

json Controller::scale(const json& request, const std::string& who) {
  const std::string service = request.at("service");
  const int count = request.at("count");
  if (!loaded_ || loaded_->application.service(service) == nullptr)
    return failure(fmt::format("no service is called '{}'", service));
  if (count < 0 || count > kMaxScale)
    return failure(fmt::format("{} instances: 0 to {} are allowed", count, kMaxScale));
  Desired changed = desired_;
  changed.scale[service] = count;
  if (!changed.selected.empty()) changed.selected.insert(service);
  if (auto taken = take(std::move(changed), true, {who, "scale"}); !taken) return failure(taken.error().message);
  reconcile_soon();
  return {{"ok", true}};
}

json Controller::identity(const json& request) const {
  const std::string service = request.at("service");
  if (!loaded_) return failure("nothing is running");
  json instances = json::array();
  for (const auto& [id, runtime] : runtimes_) {
    if (runtime.service != service) continue;
    instances.push_back({{"instance", id},
                         {"serial", runtime.serial},
                         {"not_before", runtime.not_before},
                         {"not_after", runtime.not_after}});
  }
  if (loaded_->application.service(service) == nullptr && service != policy::kGateway)
    return failure(fmt::format("no service is called '{}'", service));
  return {{"ok", true},
          {"service", service},
          {"spiffe_id", spiffe_id_of(loaded_->model, service)},
          {"trust_bundle", authority_ ? authority_->bundle_pem() : ""},
          {"instances", instances}};
}

// Asks every sidecar for its counts and waits a moment for the answers.
net::Task<> Controller::refresh_stats() {
  std::map<pid_t, json> before;
  for_every_sidecar([&](SidecarPeer& peer) {
    if (peer.channel == nullptr || peer.sent_hash.empty()) return;
    if (peer.channel->send(json{{"type", "stats?"}}.dump()))
      before[peer.process.pid] = std::exchange(peer.stats, json());
  });
  const net::Deadline deadline = loop_.in(500ms);
  for (;;) {
    bool missing = false;
    for_every_sidecar([&](const SidecarPeer& peer) {
      missing = missing || (peer.channel != nullptr && before.contains(peer.process.pid) && peer.stats.is_null());
    });
    if (!missing) break;
    const auto news = co_await stats_news_.wait(deadline);
    if (!news) break;
  }
  for_every_sidecar([&](SidecarPeer& peer) {
    if (const auto it = before.find(peer.process.pid); it != before.end() && peer.stats.is_null())
      peer.stats = std::move(it->second);
  });
}

void Controller::for_every_sidecar(const std::function<void(SidecarPeer&)>& visit) {
  for (auto& [id, runtime] : runtimes_) {
    if (runtime.sidecar.process.pid > 0) visit(runtime.sidecar);
    if (runtime.other.process.pid > 0) visit(runtime.other);
  }
}

Result<proxy::Certificate> Controller::make_gateway_certificate(const manifest::Application& application,
                                                                const std::string& directory) const {
  if (!application.gateway || application.gateway->tls.mode == manifest::Tls::Mode::off) return proxy::Certificate();
  const manifest::Gateway& gateway = *application.gateway;
  const auto path = [&](const std::string& file) { return file.starts_with('/') ? file : directory + "/" + file; };
  std::vector<std::string> hosts{"localhost", "127.0.0.1", "::1"};
  for (const manifest::Listen& listen : gateway.listen)
    if (listen.host != "0.0.0.0" && listen.host != "::") hosts.push_back(listen.host);
  for (const manifest::Route& route : gateway.routes)
    if (!route.match.host.empty()) hosts.push_back(route.match.host);
  std::ranges::sort(hosts);
  hosts.erase(std::unique(hosts.begin(), hosts.end()), hosts.end());
  if (gateway.tls.mode == manifest::Tls::Mode::files)
    return given_certificate(path(gateway.tls.certificate), path(gateway.tls.key));
  return generated_certificate(launcher_.places.state + "/gateway", hosts, unix_now());
}

}  // namespace bulkhead::control
