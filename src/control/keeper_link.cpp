// What keepers say, and what the controller makes of it (compartments/keeper.hpp has the messages).

#include <unistd.h>

#include "base/log.hpp"
#include "control/controller.hpp"
#include "policy/model.hpp"

namespace bulkhead::control {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

// A message of a peer that is ours but may be broken: an object, or a fault.
Result<json> message_of(const net::Frame& frame) {
  auto value = policy::read_json(frame.payload);
  if (value && !value->is_object()) return fail(Cause::protocol, "a message is not an object");
  return value;
}

std::string reason_of(const json& message, const std::string& platform_log) {
  if (const std::string reason = message.value("reason", ""); !reason.empty())
    return fmt::format("{} ({} may say more)", reason, platform_log);
  if (message.value("oom", false)) return "killed for want of memory: it reached its memory limit";
  if (message.contains("signal")) return fmt::format("killed by signal {}", message["signal"].get<int>());
  return fmt::format("exited with status {}", message.value("code", 0));
}

}  // namespace

net::Task<> Controller::accept_keepers() {
  for (;;) {
    auto stream = co_await keepers_.accept();
    if (!stream) co_return;
    gate_.spawn(serve_keeper(std::move(*stream)));
  }
}

// The process at the other end must be the one that this controller started (or adopted) as that instance's keeper.
Runtime* Controller::greet_keeper(const json& hello, pid_t pid) {
  const auto it = runtimes_.find(hello.value("instance", ""));
  if (it == runtimes_.end()) return nullptr;
  Runtime& runtime = it->second;
  const auto identity = net::identify_process(pid);
  if (!identity || *identity != runtime.keeper) return nullptr;
  runtime.keeper_build = hello.value("build", "");
  if (const auto init = hello.find("init"); init != hello.end() && init->is_object()) {
    runtime.has_init = true;
    runtime.init_build = init->value("build", "");
  }
  runtime.succession = hello.value("succession", "");
  runtime.add_not_enforced(hello);
  return &runtime;
}

net::Task<> Controller::serve_keeper(net::Stream stream) {
  const auto credentials = stream.peer_credentials();
  if (!credentials) co_return;
  net::FrameChannel channel(std::move(stream));
  auto first = co_await channel.receive(loop_.in(10s));
  if (!first) co_return;
  const auto hello = message_of(*first);
  if (!hello) co_return;
  std::string id;
  std::uint64_t epoch = 0;
  struct Forget {  // however this ends, nobody keeps a pointer to the channel
    Controller& controller;
    const std::string& id;
    const std::uint64_t& epoch;
    const net::FrameChannel* channel;
    ~Forget() {
      Runtime* runtime = controller.find(id, epoch);
      if (runtime != nullptr && runtime->keeper_channel == channel) {
        runtime->keeper_channel = nullptr;
        runtime->secrets_told.clear();  // whether it heard of the last ones nobody knows
      }
      controller.sessions_.end_all_of(id, epoch);
    }
  } const forget{*this, id, epoch, &channel};
  try {
    Runtime* runtime = greet_keeper(*hello, credentials->pid);
    if (runtime == nullptr) {
      // A keeper that nobody here knows must not go on: its instance would be there twice.
      log_line("refused a keeper: pid {} is not the keeper of '{}'", credentials->pid, hello->value("instance", ""));
      const auto told = channel.send(json{{"type", "stop"}, {"grace_ms", 0}}.dump());
      if (told) {
        const auto flushed = co_await channel.flush(loop_.in(1s));
        static_cast<void>(flushed);
      }
      co_return;
    }
    id = runtime->id;
    epoch = runtime->epoch;
    runtime->keeper_channel = &channel;
    hear_keeper(*runtime, *hello, {});
    if (runtime->service == policy::kGateway && gateway_sockets_.empty()) {
      const auto asked = channel.send(json{{"type", "listeners"}}.dump());
      static_cast<void>(asked);  // a closed channel shows at the next receive
    }
    const auto slot = fleet_.slots().find(id);
    if (slot != fleet_.slots().end() && slot->second.phase == Phase::stopping) stop_instance(id, 10s);
  } catch (const json::exception& error) {
    log_line("a keeper's message: {}", error.what());
    co_return;
  }
  for (;;) {
    auto frame = co_await channel.receive(net::Deadline::never());
    if (!frame) break;
    const auto message = message_of(*frame);
    Runtime* runtime = find(id, epoch);
    if (!message || runtime == nullptr || runtime->keeper_channel != &channel) break;
    try {
      hear_keeper(*runtime, *message, std::move(frame->fds));
    } catch (const json::exception& error) {
      log_line("{}: a keeper's message: {}", id, error.what());
      break;
    }
  }
}

// Which of its two processes serves, and which is the other one: by their pids, as the keeper tells them.
void Controller::hear_of_sidecars(Runtime& runtime, const json& message) {
  const auto known = [](pid_t pid) {
    SidecarPeer peer;
    if (auto found = net::identify_process(pid)) peer.process = *found;
    return peer;
  };
  const pid_t serves = message.value("sidecar_pid", -1);
  if (serves > 0 && serves != runtime.sidecar.process.pid) {
    if (serves == runtime.other.process.pid)
      std::swap(runtime.sidecar, runtime.other);
    else
      runtime.sidecar = known(serves);
  }
  if (!message.contains("other_pid")) return;
  const pid_t beside = message["other_pid"];
  if (beside == runtime.other.process.pid) return;
  runtime.other.gone = true;
  if (runtime.other.channel == nullptr || beside > 0) forget_other(runtime);
  if (beside > 0) runtime.other = known(beside);
}

// What it had counted is the service's, still.
void Controller::forget_other(Runtime& runtime) {
  retired_[runtime.service].add(totals_of(runtime.other.stats, runtime.service));
  runtime.other = {};
}

void Controller::hear_keeper(Runtime& runtime, const json& message, std::vector<Fd> fds) {
  const std::string type = message.value("type", "");
  if (type == "session") return sessions_.tell(runtime.id, message, std::move(fds));
  if (type == "hello" || type == "state") {
    runtime.keeper_state = message.value("state", "");
    runtime.service_pid = message.value("service_pid", -1);
    hear_of_sidecars(runtime, message);
    if (runtime.keeper_state == "running" ||
        (runtime.service.starts_with('_') && runtime.keeper_state == "sidecar_ready"))  // there is no program
      fleet_.on_started(runtime.id, runtime.epoch, now());
    keeper_news_.notify_all();
  } else if (type == "stays") {
    runtime.keeper_stays = message.value("problem", "");
    keeper_news_.notify_all();
  } else if (type == "init") {
    runtime.init_build = message.value("build", "");
    runtime.init_told = message.value("problem", "");
    keeper_news_.notify_all();
  } else if (type == "sidecar") {
    hear_of_sidecars(runtime, message);
    runtime.succession = message.value("what", "");
    runtime.succession_problem = message.value("problem", "");
    keeper_news_.notify_all();
  } else if (type == "exited") {
    const bool well = !message.contains("signal") && message.value("code", 1) == 0 && !message.contains("reason");
    registry_.set_ready(runtime.id, false);  // nobody is sent there any more; its keeper's end follows
    fleet_.on_exit_report(runtime.id, runtime.epoch, well, reason_of(message, launcher_.places.platform_log()));
  } else if (type == "doors") {
    runtime.doors_problem = message.value("problem", "");
  } else if (type == "secrets") {
    runtime.secrets_problem = message.value("problem", "");
    if (!runtime.secrets_problem.empty()) log_line("{}: its secrets: {}", runtime.id, runtime.secrets_problem);
  } else if (type == "listeners" && gateway_sockets_.empty()) {
    gateway_sockets_ = std::move(fds);
    if (loaded_ && loaded_->application.gateway)
      gateway_sockets_for_ = gateway_addresses(*loaded_->application.gateway);
  }
  reconcile_soon();
}

}  // namespace bulkhead::control
