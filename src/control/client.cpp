#include "control/client.hpp"

#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "compartments/cgroup.hpp"
#include "compartments/volume.hpp"
#include "control/launch.hpp"
#include "control/partner.hpp"
#include "net/frames.hpp"
#include "net/process.hpp"
#include "policy/model.hpp"

namespace bulkhead::control {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

// A controller that returns has its lock a moment before its socket: that moment is waited for.
net::Task<Result<net::FrameChannel>> open_channel(net::Loop& loop, const Places& places) {
  const net::Deadline deadline = loop.in(5s);
  for (;;) {
    const std::string path = socket_to_reach(places);
    const auto address = net::Address::unix_socket(path.empty() ? places.control_socket() : path);
    if (!address) co_return fail(address.error());
    auto stream = co_await net::connect(loop, *address, deadline);
    if (stream) co_return net::FrameChannel(std::move(*stream));
    if (!is_running(places) || deadline.passed(loop.now())) co_return fail(std::move(stream.error()));
    co_await net::sleep(loop, loop.in(20ms));
  }
}

net::Task<Result<json>> exchange(net::Loop& loop, const Places& places, std::string request) {
  auto channel = co_await open_channel(loop, places);
  if (!channel) co_return fail(std::move(channel.error()));
  if (auto sent = channel->send(std::move(request)); !sent) co_return fail(std::move(sent.error()));
  auto frame = co_await channel->receive(loop.in(30s));
  if (!frame) co_return fail(std::move(frame.error()));
  auto reply = policy::read_json(frame->payload);
  if (!reply) co_return fail(std::move(reply.error()));
  if (!reply->value("ok", false))
    co_return fail(Cause::conflict, "{}", reply->value("error", "the controller refused"));
  co_return std::move(*reply);
}

}  // namespace

bool is_running(const Places& places) {
  if (holder_of(places.run, "controller") > 0) return true;
  // Its lock is the launcher's alone; an operator has a socket for as long as there is an application.
  const std::string socket = socket_to_reach(places);
  return !socket.empty() && socket != places.control_socket();
}

bool has_ended(const Places& places) {
  for (int looks = 0; looks < 100; ++looks) {
    if (is_running(places)) return false;
    if (::access(places.run.c_str(), F_OK) != 0) return true;  // it has gone down
    ::usleep(50'000);
  }
  return true;
}

bool has_remains(const Places& places) { return ::access(places.instances().c_str(), F_OK) == 0; }

bool is_kept(const Places& places) { return ::access(places.desired().c_str(), F_OK) == 0; }

Result<> forget(const Places& places) {
  if (::unlink(places.desired().c_str()) != 0 && errno != ENOENT) return os_fail("remove " + places.desired());
  return {};
}

std::vector<int> control_pids(const Places& places) {
  std::vector<int> pids;
  for (const char* role : {"controller", "warden"})
    if (const int pid = holder_of(places.run, role); pid > 0) pids.push_back(pid);
  return pids;
}

bool wait_for_exit(const std::vector<int>& pids, int milliseconds) {
  net::Loop loop;
  const net::Deadline deadline = loop.in(std::chrono::milliseconds(milliseconds));
  for (const int pid : pids) {
    const auto pidfd = net::open_pidfd(pid);
    if (pidfd && !loop.run(net::wait_exit(loop, *pidfd, deadline))) return false;
  }
  return true;
}

namespace {

bool answers(const Places& places, int milliseconds) {
  for (int waited = 0; waited < milliseconds; waited += 10) {
    if (ask(places, {{"verb", "status"}})) return true;
    ::usleep(10'000);
  }
  return false;
}

}  // namespace

Result<> start_control(const std::string& app, const std::string& executable) {
  const Launcher launcher = launcher_for(app, executable);
  const std::string log = launcher.places.platform_log();
  if (auto made = make_places(launcher.places, launcher.platform_uid); !made) return made;
  // The warden starts the controller; it answers once it has adopted what runs. Both live in a group whose subtree is
  // delegated, where the host gives one; where that does not work out they run without, and `status` says what is not
  // enforced.
  std::vector<std::string> prefix = compartments::delegation_prefix(app);
  if (!prefix.empty()) {
    const auto started = start_role(executable, "warden", app, log, std::move(prefix));
    if (started && answers(launcher.places, 5000)) return {};
  }
  if (auto started = start_role(executable, "warden", app, log); !started) return started;
  if (answers(launcher.places, 5000)) return {};
  return fail(Cause::timeout, "the controller did not come up within 5 s; {} says why", log);
}

Result<> remove_volumes(const manifest::Application& application, const std::string& executable) {
  const Launcher launcher = launcher_for(application.name, executable);
  if (is_running(launcher.places)) return fail(Cause::conflict, "the application is still running");
  for (const manifest::Service& service : application.services) {
    const auto ids = ids_of(launcher, application, service.name);
    if (!ids) return fail(ids.error());
    const std::string path = launcher.places.volume(service.name);
    if (::access(path.c_str(), F_OK) != 0) continue;
    if (auto removed = compartments::remove_volume(path, *ids); !removed) return removed;
  }
  return {};
}

Result<json> ask(const Places& places, const json& request) {
  net::Loop loop;
  return loop.run(exchange(loop, places, request.dump()));
}

struct StatusStream::State {
  net::Loop loop;
  std::optional<net::FrameChannel> channel;  // gone before the loop is
};

StatusStream::StatusStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
StatusStream::StatusStream(StatusStream&&) noexcept = default;
StatusStream::~StatusStream() = default;

Result<StatusStream> StatusStream::open(const Places& places) {
  auto state = std::make_unique<State>();
  auto channel = state->loop.run(open_channel(state->loop, places));
  if (!channel) return fail(std::move(channel.error()));
  if (auto sent = channel->send(json{{"verb", "watch"}}.dump()); !sent) return fail(std::move(sent.error()));
  state->channel.emplace(std::move(*channel));
  return StatusStream(std::move(state));
}

Result<std::optional<json>> StatusStream::next(std::chrono::milliseconds patience) {
  const auto receive = [](State& state, net::Deadline deadline) -> net::Task<Result<net::Frame>> {
    co_return co_await state.channel->receive(deadline);
  };
  const net::Deadline deadline(std::chrono::steady_clock::now() + patience);
  auto frame = state_->loop.run(receive(*state_, deadline));
  if (!frame && frame.error().cause == Cause::timeout) return std::nullopt;
  if (!frame) return fail(std::move(frame.error()));
  auto status = policy::read_json(frame->payload);
  if (!status) return fail(std::move(status.error()));
  return std::move(*status);
}

Result<> watch(const Places& places, const std::function<bool(const json&)>& heard) {
  auto stream = StatusStream::open(places);
  if (!stream) return fail(std::move(stream.error()));
  for (;;) {
    const auto status = stream->next(1h);
    if (!status) return fail(status.error());
    if (*status && !heard(**status)) return {};
  }
}

}  // namespace bulkhead::control
