// The lives of instances: adopted, started, stopped, cleaned up after.

#include <algorithm>
#include <filesystem>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "compartments/command_check.hpp"
#include "compartments/memory.hpp"
#include "control/controller.hpp"
#include "net/process.hpp"

namespace bulkhead::control {

using namespace std::chrono_literals;

namespace {

// The descriptors that a keeper inherits: its spec, and after it the gateway's listening sockets.
constexpr int kSpecFd = 3;
constexpr int kFirstListenerFd = 4;

std::string joined(const std::vector<compartments::CommandProblem>& problems) {
  std::string text;
  for (const auto& problem : problems) {
    if (!text.empty()) text += "; ";
    text += problem.fix.empty() ? problem.message : problem.message + " (" + problem.fix + ")";
  }
  return text;
}

// Only their digests.
SecretContents contents_left(const Left& left) {
  SecretContents contents;
  for (const auto& [key, digest] : left.secrets) contents[key].digest = digest;
  return contents;
}

}  // namespace

Runtime* Controller::find(const std::string& id, std::uint64_t epoch) {
  const auto it = runtimes_.find(id);
  return it == runtimes_.end() || it->second.epoch != epoch ? nullptr : &it->second;
}

// What the controller before this one left; nothing where there was none.
Left Controller::read_left() const {
  const auto text = read_file(launcher_.places.instances());
  if (!text) return {};
  auto left = left_from_json(*text);
  if (left) return std::move(*left);
  log_line("{}", left.error().message);
  return {};
}

// Nothing is replaced because this build of the program calls the same revision otherwise than the one before.
void Controller::adopt_names(Left& left) {
  if (left.desired != desired_hash_) return;
  const auto has_other_secrets = [&](const std::string& name) {
    const manifest::Service* service = loaded_->application.service(name);
    return service != nullptr && secrets_revision(*service, launcher_.directory, contents_) !=
                                     secrets_revision(*service, launcher_.directory, contents_left(left));
  };
  for (const Goal& goal : goals_of(launcher_, loaded_->application, loaded_->model, contents_)) {
    const auto before = left.revisions.find(goal.service);
    if (before == left.revisions.end() || has_other_secrets(goal.service)) continue;
    history_->rename(goal.service, before->second, goal.revision);
    for (Record& record : left.records)
      if (record.slot.service == goal.service && record.slot.revision == before->second)
        record.slot.revision = goal.revision;
  }
}

void Controller::adopt(Record record) {
  Runtime runtime;
  runtime.id = record.slot.id;
  runtime.service = record.slot.service;
  runtime.epoch = record.slot.epoch;
  runtime.adopted = true;
  runtime.keeper = record.keeper;
  runtime.sidecar.process = record.sidecar;
  runtime.address = record.address;
  runtime.cgroups = record.cgroups;
  runtime.not_after = record.not_after;
  if (const manifest::Service* service = loaded_ ? loaded_->application.service(runtime.service) : nullptr)
    runtime.not_enforced = compartments::not_enforced(cgroup_host_, limits_of(service->limits));
  Slot slot = std::move(record.slot);
  slot.since = slot.started = now();
  if (slot.phase == Phase::stopping) slot.until = now() + 20s;

  auto pidfd = is_alive(record.keeper) ? net::open_pidfd(record.keeper.pid) : Result<Fd>(Fd());
  if (!pidfd || !*pidfd) {
    if (slot.alive()) {
      slot.phase = Phase::waiting;
      ++slot.restarts;
      slot.reason = "it ended while no controller was there";
    }
    if (record.keeper.pid > 0) gate_.spawn(clean_up(std::move(runtime)));
    fleet_.adopt(std::move(slot));
    return;
  }
  runtime.keeper_pidfd = std::move(*pidfd);
  registry_.put({slot.id, slot.service, runtime.address, slot.phase == Phase::ready});
  const std::string id = slot.id;
  const std::uint64_t epoch = slot.epoch;
  fleet_.adopt(std::move(slot));
  runtimes_.insert_or_assign(id, std::move(runtime));
  gate_.spawn(watch_keeper(id, epoch));
}

Result<Runtime> Controller::prepare(const Slot& slot, compartments::Spec& spec) {
  Runtime runtime;
  runtime.id = slot.id;
  runtime.service = slot.service;
  runtime.epoch = slot.epoch;
  runtime.address = door_address(launcher_.places, slot.id);
  if (slot.service == policy::kGateway) {
    if (auto opened = open_gateway_sockets(); !opened) return fail(std::move(opened.error()));
    spec = gateway_spec(launcher_, loaded_->application, slot.id);
    for (std::size_t i = 0; i < gateway_sockets_.size(); ++i)
      spec.listeners.push_back({fmt::format("listen:{}", i), kFirstListenerFd + static_cast<int>(i)});
    return runtime;
  }
  if (slot.service == policy::kCollector) {
    runtime.address = "unix:" + launcher_.places.collector_socket();
    spec = collector_spec(launcher_, loaded_->application, slot.id);
    return runtime;
  }
  const manifest::Service* service = loaded_->application.service(slot.service);
  if (service == nullptr) return fail(Cause::internal, "no service is called '{}'", slot.service);
  auto ids = ids_of(launcher_, loaded_->application, slot.service);
  if (!ids) return fail(std::move(ids.error()));
  spec = sidecar_spec(launcher_, loaded_->application, loaded_->model, *service, slot.id, *ids);
  if (auto added = add_secrets(*service, *spec.compartment); !added) return fail(std::move(added.error()));
  runtime.secrets_told = secrets_version(*service);
  if (auto set = start_as_it_was(*service, *spec.compartment); !set) return fail(std::move(set.error()));
  const auto problems = compartments::check_command(*spec.compartment, desired_.launcher_path);
  if (!problems.empty()) return fail(Cause::invalid, "{}", joined(problems));
  runtime.doors = spec.compartment->doors;
  runtime.cgroups = compartments::plan_cgroups(cgroup_host_, group_name(launcher_, app_, slot.id));
  spec.compartment->cgroups = runtime.cgroups;
  runtime.not_enforced = compartments::not_enforced(cgroup_host_, spec.compartment->limits);
  return runtime;
}

Result<> Controller::start_instance(const Slot& slot) {
  compartments::Spec spec;
  auto runtime = prepare(slot, spec);
  if (!runtime) return fail(std::move(runtime.error()));
  if (auto spawned = spawn_keeper(*runtime, spec); !spawned) return spawned;
  registry_.put({slot.id, slot.service, runtime->address, false});
  const std::string id = slot.id;
  runtimes_.insert_or_assign(id, std::move(*runtime));
  gate_.spawn(watch_keeper(id, slot.epoch));
  return {};
}

Result<> Controller::spawn_keeper(Runtime& runtime, const compartments::Spec& spec) {
  auto content = compartments::put_in_memory(compartments::to_json(spec));
  if (!content) return fail(std::move(content.error()));
  const std::string& log = launcher_.places.platform_log();
  const Fd output(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!output) return os_fail("open " + log);
  net::ProcessSpec process;
  process.argv = {launcher_.executable, "keeper"};
  process.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"};
  process.fds = {{content->get(), kSpecFd}, {output.get(), 1}, {output.get(), 2}};
  for (std::size_t i = 0; i < spec.listeners.size(); ++i)
    process.fds.push_back({gateway_sockets_[i].get(), spec.listeners[i].fd});
  process.directory = "/";
  process.new_session = true;
  auto started = net::start_process(process);
  if (!started) return fail(within("starting a keeper", std::move(started.error())));
  auto identity = net::identify_process(started->pid);
  if (!identity) return fail(within("the keeper ended at once", std::move(identity.error())));
  runtime.keeper = *identity;
  runtime.keeper_pidfd = std::move(started->pidfd);
  return {};
}

// The controller holds the gateway's listening sockets too, so that callers wait in the backlog while a gateway that
// was killed is replaced. One that listens where it is wanted again stays: the gateway that goes still accepts from it.
Result<> Controller::open_gateway_sockets() {
  const std::vector<std::string> wanted = gateway_addresses(*loaded_->application.gateway);
  if (wanted == gateway_sockets_for_ && gateway_sockets_.size() == wanted.size()) return {};
  std::vector<Fd> sockets;
  for (const std::string& text : wanted) {
    const auto known = std::ranges::find(gateway_sockets_for_, text);
    const auto place = static_cast<std::size_t>(known - gateway_sockets_for_.begin());
    if (place < gateway_sockets_.size() && gateway_sockets_[place]) {
      sockets.push_back(std::move(gateway_sockets_[place]));
      continue;
    }
    auto address = net::Address::parse(text);
    if (!address) return fail(std::move(address.error()));
    auto socket = net::open_listening_socket(*address);
    if (!socket) return fail(within("the gateway's address " + text, std::move(socket.error())));
    sockets.push_back(std::move(*socket));
  }
  gateway_sockets_ = std::move(sockets);
  gateway_sockets_for_ = wanted;
  return {};
}

// First nobody is sent there any more, then it is told to stop.
void Controller::stop_instance(const std::string& id, Millis grace) {
  const auto it = runtimes_.find(id);
  if (it == runtimes_.end()) return;
  Runtime& runtime = it->second;
  if (registry_.set_ready(id, false)) publish();
  const nlohmann::json message = {{"type", "stop"}, {"grace_ms", grace.count()}};
  if (runtime.keeper_channel != nullptr && runtime.keeper_channel->send(message.dump())) return;
  const auto told = net::send_signal(runtime.keeper_pidfd, SIGTERM);
  if (!told) log_line("stopping {}: {}", id, told.error().message);
}

net::Task<> Controller::watch_keeper(std::string id, std::uint64_t epoch) {
  Runtime* runtime = find(id, epoch);
  if (runtime == nullptr) co_return;
  const auto ended = co_await net::wait_exit(loop_, runtime->keeper_pidfd, net::Deadline::never());
  static_cast<void>(ended);
  runtime = find(id, epoch);
  if (runtime == nullptr) co_return;
  registry_.remove(id);
  publish();
  retired_[runtime->service].add(totals_of(*runtime));
  Runtime gone = std::move(*runtime);
  if (gone.keeper_channel != nullptr) gone.keeper_channel->close();
  for (const SidecarPeer* peer : {&gone.sidecar, &gone.other})
    if (peer->channel != nullptr) peer->channel->close();
  co_await clean_up(std::move(gone));
  runtimes_.erase(id);
  fleet_.on_gone(id, epoch, now(), luck());
  reconcile_soon();
}

// Whatever a keeper that was killed may have left: its sidecar for the moment until that sees the end, and the groups.
net::Task<> Controller::clean_up(Runtime runtime) {
  for (const SidecarPeer* peer : {&runtime.sidecar, &runtime.other}) {
    auto pidfd = is_alive(peer->process) ? net::open_pidfd(peer->process.pid) : Result<Fd>(Fd());
    if (!pidfd || !*pidfd) continue;
    const auto killed = net::send_signal(*pidfd, SIGKILL);
    static_cast<void>(killed);
    const auto ended = co_await net::wait_exit(loop_, *pidfd, loop_.in(5s));
    static_cast<void>(ended);
  }
  for (int attempt = 0; attempt < 100; ++attempt) {
    if (compartments::remove_cgroups(runtime.cgroups, 0)) break;
    co_await net::sleep(loop_, loop_.in(20ms));
  }
  std::error_code ignored;
  if (runtime.address.starts_with("unix:")) std::filesystem::remove(runtime.address.substr(5), ignored);
}

void Controller::save_instances() {
  Left left;
  left.desired = desired_hash_;
  for (const auto& [service, goal] : fleet_.goals()) left.revisions[service] = goal.revision;
  for (const auto& [key, content] : contents_) left.secrets[key] = content.digest;
  for (const auto& [id, slot] : fleet_.slots()) {
    Record record;
    record.slot = slot;
    if (const auto it = runtimes_.find(id); it != runtimes_.end()) {
      record.keeper = it->second.keeper;
      record.sidecar = it->second.sidecar.process;
      record.address = it->second.address;
      record.cgroups = it->second.cgroups;
      record.not_after = it->second.not_after;
    }
    left.records.push_back(std::move(record));
  }
  std::string text = to_json(left);
  if (text == saved_) return;
  if (auto written = write_file_atomically(launcher_.places.instances(), text, 0600); !written) {
    if (save_problem_ != written.error().message) log_line("{}", written.error().message);
    save_problem_ = std::move(written.error().message);
    return;
  }
  save_problem_.clear();
  saved_ = std::move(text);
}

}  // namespace bulkhead::control
