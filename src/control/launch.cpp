#include "control/launch.hpp"

#include <cmath>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>
#include <xxhash.h>

#include "compartments/uids.hpp"
#include "policy/names.hpp"
#include "proxy/telemetry_door.hpp"

namespace bulkhead::control {
namespace {

using nlohmann::json;

}  // namespace

std::string absolute_path(const std::string& directory, const std::string& path) {
  if (path == "~" || path.starts_with("~/")) {
    const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe)
    return std::filesystem::path(std::string(home == nullptr ? "/" : home) + path.substr(1))
        .lexically_normal()
        .string();
  }
  auto joined = (std::filesystem::path(directory) / path).lexically_normal().string();
  if (joined.size() > 1 && joined.ends_with('/')) joined.pop_back();
  return joined;
}

namespace {

std::map<std::string, std::string> environment_of(const manifest::Service& service) {
  std::map<std::string, std::string> environment;
  if (!service.ports.empty()) environment["PORT"] = std::to_string(service.ports.front().number.number);
  environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  environment["HOME"] = compartments::kDataDirectory;
  environment["LANG"] = "C.UTF-8";
  // OpenTelemetry's general SDK configuration; what the image or the manifest says comes after it.
  environment["OTEL_SERVICE_NAME"] = service.name;
  environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://localhost:4318";
  environment["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf";
  if (service.from_image)
    for (const auto& [name, value] : service.from_image->environment) environment[name] = value;
  for (const manifest::Variable& variable : service.environment) environment[variable.name] = variable.value;
  return environment;
}

// What the image says, under what the manifest says.
void apply_image(const manifest::FromImage& image, compartments::Compartment& compartment) {
  compartment.rootfs = image.root;
  if (compartment.command.empty()) compartment.command = image.command;
  if (compartment.directory.empty()) compartment.start_in = image.start_in;
  compartment.user = image.user;
}

// The same address answers however a program spells its own loopback.
void add_wired(std::vector<compartments::Door>& doors, const policy::Wired& wired) {
  const std::uint16_t port = wired.answering.port.number;
  const bool any = wired.host == "localhost" || wired.host == "0.0.0.0";
  doors.push_back({any ? "127.0.0.1" : wired.host, port});
  if (any) doors.push_back({"::1", port});
}

// Many requests are served at once: glibc's caches of seven pieces a size are too short for what each of them holds,
// and buffers that come and go with requests are not worth a page fault each time. Sidecars themselves give back to the
// system what a burst has left behind.
constexpr auto* kAllocator =
    "glibc.malloc.tcache_count=32:glibc.malloc.trim_threshold=4194304:glibc.malloc.mmap_threshold=1048576";

compartments::Spec common_spec(const Launcher& launcher, const std::string& instance, json hello) {
  compartments::Spec spec;
  spec.instance = instance;
  spec.controller_socket = launcher.places.keepers_socket();
  spec.log.path = launcher.places.log(instance);
  spec.sidecar.environment = {{"PATH", "/usr/bin:/bin"}, {"LANG", "C.UTF-8"}, {"GLIBC_TUNABLES", kAllocator}};
  if (launcher.root) spec.sidecar.uid = spec.sidecar.gid = launcher.platform_uid;
  hello["instance"] = instance;
  hello["controller_socket"] = launcher.places.sidecars_socket();
  if (hello["service"] == policy::kCollector) {
    hello["inner"] = "unix:" + launcher.places.collector_socket();  // where others know to find it
  } else {
    hello["records"] = launcher.places.records(instance);
    hello["otlp"] = launcher.places.otlp_socket();
    hello["inner"] = door_address(launcher.places, instance);
  }
  spec.sidecar.hello = hello.dump();
  return spec;
}

json hello_of(const manifest::Application& application, std::string_view service, std::string_view role) {
  return {{"app", application.name}, {"service", service}, {"role", role}, {"trust_domain", application.trust_domain}};
}

}  // namespace

std::string hash_of(const std::string& text) { return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size())); }

namespace {

std::uint32_t platform_uid_of(const std::string& app) {
  // Above the services' range: sidecars are nobody else's either.
  std::uint32_t hash = 2166136261U;
  for (const char c : app) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return compartments::kFirstServiceUid + compartments::kServiceUids + hash % compartments::kServiceUids;
}

}  // namespace

Launcher launcher_for(const std::string& app, const std::string& executable) {
  Launcher launcher;
  launcher.places = places_of(app);
  launcher.executable = executable;
  launcher.root = ::geteuid() == 0;
  launcher.platform_uid = launcher.root ? platform_uid_of(app) : ::geteuid();
  return launcher;
}

std::string group_name(const Launcher& launcher, const std::string& app, const std::string& instance) {
  return fmt::format("{}-{}-{:.8}", app, instance, hash_of(launcher.places.run));
}

std::vector<std::string> gateway_addresses(const manifest::Gateway& gateway) {
  std::vector<manifest::Listen> all = gateway.listen;
  if (gateway.redirect_http) all.push_back(*gateway.redirect_http);
  std::vector<std::string> texts;
  for (const manifest::Listen& listen : all) {
    const bool six = listen.host.find(':') != std::string::npos;
    texts.push_back(fmt::format("{}{}{}:{}", six ? "[" : "", listen.host, six ? "]" : "", listen.port.number));
  }
  return texts;
}

std::string door_address(const Places& places, const std::string& instance) {
  return fmt::format("unix:{}/{:.10}", places.doors(), hash_of(instance));
}

compartments::Limits limits_of(const manifest::Limits& limits) {
  compartments::Limits result;
  if (limits.memory) result.memory_bytes = limits.memory->count;
  if (limits.cpu) result.cpu_millis = static_cast<std::uint32_t>(std::lround(*limits.cpu * 1000));
  result.pids = limits.pids;
  return result;
}

Result<compartments::Ids> ids_of(const Launcher& launcher, const manifest::Application& application,
                                 const std::string& service) {
  std::set<std::uint32_t> used;
  for (const manifest::Service& each : application.services) {
    auto ids = compartments::choose_ids(launcher.places.state, application.name, each.name, used);
    if (!ids || each.name == service) return ids;
    if (ids->mapping != compartments::IdMapping::single) used.insert(ids->service_uid);
  }
  return fail(Cause::not_found, "no service is called '{}'", service);
}

compartments::Spec sidecar_spec(const Launcher& launcher, const manifest::Application& application,
                                const policy::Model& model, const manifest::Service& service,
                                const std::string& instance, const compartments::Ids& ids) {
  compartments::Spec spec = common_spec(launcher, instance, hello_of(application, service.name, "sidecar"));
  spec.sidecar.argv = {launcher.executable, "sidecar"};
  spec.drain_ms = spec.grace_ms = static_cast<std::uint32_t>(service.stop_grace.count());

  compartments::Compartment compartment;
  compartment.ids = ids;
  compartment.command = service.command;
  compartment.environment = environment_of(service);
  if (!service.dir.empty()) compartment.directory = absolute_path(launcher.directory, service.dir);
  compartment.data = launcher.places.volume(service.name);
  if (service.rootfs) compartment.rootfs = absolute_path(launcher.directory, *service.rootfs);
  if (service.from_image) apply_image(*service.from_image, compartment);
  for (const manifest::Mount& mount : service.mounts)
    compartment.mounts.push_back({absolute_path(launcher.directory, mount.host), mount.inside, !mount.read_only});
  compartment.hostname = service.name;
  if (service.limits.files) compartment.open_files = *service.limits.files;
  compartment.limits = limits_of(service.limits);

  for (const policy::Name& name : policy::plan(model, service.name).names)
    compartment.hosts.push_back({policy::to_string(name.address), {name.name}});
  compartment.doors = doors_of(model, service.name);
  spec.compartment = std::move(compartment);
  return spec;
}

std::vector<compartments::Door> doors_of(const policy::Model& model, const std::string& service) {
  std::vector<compartments::Door> doors;
  const policy::Plan plan = policy::plan(model, service);
  for (const policy::Name& name : plan.names)
    for (const policy::Answering& answering : name.ports)
      doors.push_back({policy::to_string(name.address), answering.port.number});
  for (const policy::Wired& wired : plan.wired) add_wired(doors, wired);
  // Where its programs tell of themselves, unless the service listens there itself or declares somebody there.
  const policy::Node* node = model.service(service);
  const auto is_taken = [&](std::uint16_t port) {
    return (node != nullptr &&
            std::ranges::any_of(node->ports, [&](const policy::Endpoint& each) { return each.port.number == port; })) ||
           std::ranges::any_of(plan.wired,
                               [&](const policy::Wired& each) { return each.answering.port.number == port; });
  };
  for (const std::uint16_t port : proxy::kOtlpPorts)
    if (!is_taken(port)) doors.insert(doors.end(), {{"127.0.0.1", port}, {"::1", port}});
  return doors;
}

compartments::Spec gateway_spec(const Launcher& launcher, const manifest::Application& application,
                                const std::string& instance) {
  compartments::Spec spec = common_spec(launcher, instance, hello_of(application, policy::kGateway, "gateway"));
  spec.sidecar.argv = {launcher.executable, "gateway"};
  return spec;
}

compartments::Spec collector_spec(const Launcher& launcher, const manifest::Application& application,
                                  const std::string& instance) {
  json hello = hello_of(application, policy::kCollector, "collector");
  const std::filesystem::path program = std::filesystem::path(launcher.executable).parent_path();
  // Where it is installed, and where it is built.
  std::error_code error;
  const std::filesystem::path installed = program.parent_path() / "share/bulkhead/console";
  const std::filesystem::path built = program.parent_path().parent_path() / "console";
  hello["collect"] = {{"records", launcher.places.state + "/records"},
                      {"logs", launcher.places.logs()},
                      {"store", launcher.places.telemetry()},
                      {"otlp", launcher.places.otlp_socket()},
                      {"exports", application.telemetry.exported.has_value()},
                      {"console", std::filesystem::exists(installed, error) ? installed.string() : built.string()}};
  compartments::Spec spec = common_spec(launcher, instance, std::move(hello));
  spec.sidecar.argv = {launcher.executable, "collector"};
  return spec;
}

Goal collector_goal(const manifest::Application& application) {
  Goal goal;
  goal.service = policy::kCollector;
  // The same in every build. One that dials nobody is confined more closely.
  goal.revision = application.telemetry.exported ? "collector that exports" : "collector";
  goal.update.max_surge = 0;
  goal.update.max_unavailable = 1;
  goal.aside = true;
  return goal;
}

namespace {

Condition condition_of(manifest::Condition condition) {
  switch (condition) {
    case manifest::Condition::started: return Condition::started;
    case manifest::Condition::ready: return Condition::ready;
    case manifest::Condition::done: return Condition::done;
  }
  return Condition::ready;
}

UpdateRules rules_of(const manifest::Service& service) {
  constexpr Millis kWatch{30'000};
  constexpr Millis kWatchUnasked{1'000};
  UpdateRules rules;
  rules.max_surge = static_cast<int>(service.update.max_surge);
  rules.max_unavailable = static_cast<int>(service.update.max_unavailable);
  rules.pause = service.update.pause;
  // Nobody can ask it whether it is ready: it is as soon as it was started, and one that is no program ends soon.
  if (service.ports.empty() && !service.healthcheck) rules.watch = kWatchUnasked;
  if (service.update.canary) rules.watch = kWatch;
  if (service.update.auto_rollback) rules.watch = service.update.auto_rollback->over;
  if (service.healthcheck) rules.ready_within = service.healthcheck->start_period;
  return rules;
}

Goal goal_of(const Launcher& launcher, const manifest::Application& application, const policy::Model& model,
             const manifest::Service& service, const SecretContents& secrets) {
  Goal goal;
  goal.service = service.name;
  goal.scale = static_cast<int>(service.scale);
  goal.job = service.type == manifest::ServiceType::job;
  goal.grace = service.stop_grace;
  goal.update = rules_of(service);
  goal.retries = static_cast<int>(service.job.retries);
  goal.time_limit = service.job.timeout;
  goal.scheduled = service.job.schedule.has_value();
  // What it may dial is told to those that run: no change of the calls replaces an instance. Names that are new come by
  // DNS, and an address never becomes another's.
  compartments::Spec spec = sidecar_spec(launcher, application, model, service, service.name, {});
  spec.compartment->hosts.clear();
  spec.compartment->doors.clear();
  goal.revision =
      hash_of(compartments::to_json(spec) + service.sources + secrets_revision(service, launcher.directory, secrets));
  for (const manifest::Dependency& dependency : service.depends_on)
    goal.needs.push_back({dependency.service, condition_of(dependency.condition), false});
  return goal;
}

}  // namespace

std::vector<Goal> goals_of(const Launcher& launcher, const manifest::Application& application,
                           const policy::Model& model, const SecretContents& secrets) {
  std::map<std::string, std::vector<std::string>> calls;
  for (const policy::Edge& edge : model.edges)
    if (edge.kind != policy::Edge::Kind::egress && edge.is_declared()) calls[edge.from].push_back(edge.to);
  for (const manifest::Service& service : application.services)
    for (const manifest::Dependency& dependency : service.depends_on) calls[service.name].push_back(dependency.service);
  const auto needs = needs_from_calls(calls);

  std::vector<Goal> goals;
  for (const manifest::Service& service : application.services)
    goals.push_back(goal_of(launcher, application, model, service, secrets));
  if (application.gateway) {
    Goal gateway;
    gateway.service = policy::kGateway;
    gateway.update.max_surge = 1;  // both accept from the same sockets
    gateway.update.max_unavailable = 0;
    json listens = json::array();
    for (const manifest::Listen& listen : application.gateway->listen)
      listens.push_back(listen.host + " " + manifest::to_string(listen.port));
    if (application.gateway->redirect_http)
      listens.push_back("redirect " + application.gateway->redirect_http->host + " " +
                        manifest::to_string(application.gateway->redirect_http->port));
    gateway.revision = hash_of(listens.dump());
    goals.push_back(std::move(gateway));
  }
  for (Goal& goal : goals)
    if (const auto found = needs.find(goal.service); found != needs.end())
      goal.needs.insert(goal.needs.end(), found->second.begin(), found->second.end());
  return goals;
}

}  // namespace bulkhead::control
