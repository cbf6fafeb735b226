#include "compartments/keeper.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <span>
#include <sstream>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.hpp"
#include "compartments/controller_link.hpp"
#include "compartments/door_sets.hpp"
#include "compartments/host_check.hpp"
#include "compartments/init.hpp"
#include "compartments/lifetime.hpp"
#include "compartments/namespaces.hpp"
#include "compartments/output.hpp"
#include "compartments/rights.hpp"
#include "compartments/root.hpp"
#include "compartments/sessions.hpp"
#include "compartments/sidecar.hpp"
#include "compartments/spec.hpp"

namespace bulkhead::compartments {
namespace {

using Json = nlohmann::json;
using Millis = ControllerLink::Millis;

constexpr int kUnusableSpec = 2;

Millis now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// Field 22 of /proc/PID/stat, in clock ticks since boot: what tells a process from a later one with the same pid.
std::uint64_t start_time(pid_t pid) {
  const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  if (!stat) return 0;
  std::istringstream fields(stat->substr(std::min(stat->size(), stat->rfind(')') + 1)));
  std::string field;
  for (int number = 3; number <= 22; ++number) fields >> field;
  return std::strtoull(field.c_str(), nullptr, 10);
}

struct Pair {
  Fd ours, theirs;
};
Result<Pair> make_pair_of(int type) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0) return os_fail("make a socket pair");
  return Pair{Fd(ends[0]), Fd(ends[1])};
}
Result<Pair> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return os_fail("make a pipe");
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return Pair{Fd(ends[0]), Fd(ends[1])};
}

class Keeper {
 public:
  explicit Keeper(Spec spec)
      : spec_(std::move(spec)),
        lifetime_({spec_.compartment.has_value(), spec_.ready_ms, spec_.drain_ms, spec_.finish_ms}),
        output_(spec_.log),
        controller_(spec_.controller_socket, [this] { return greeting(); }),
        sessions_(controller_) {}

  int run();

 private:
  Result<> begin();
  Result<> watch_signals();
  Result<> launch_sidecar();
  Result<> launch_compartment();
  void make_limits();
  void turn();
  int poll_timeout() const;

  void feed(const Event& event);
  void perform(const Action& action);
  void greet_sidecar();
  void tell_sidecar(std::string_view type);
  void tell_init(InitMessage::Kind kind);
  void kill_init();
  void report_state(const std::string& state);
  void report_exit(const Action& action);

  void on_signals();
  void reap();
  void on_init();
  void on_init_message(const InitMessage& message, Received& received);
  void change_doors(const Json& list);
  void on_sidecar();
  void on_controller(short revents);
  int guests_of() const { return lifetime_.phase() == Phase::running ? init_.get() : -1; }
  std::string greeting() const;

  Spec spec_;
  Lifetime lifetime_;
  Output output_;
  ControllerLink controller_;
  Sessions sessions_;
  Fd signals_, init_, sidecar_;
  pid_t init_pid_ = -1;
  pid_t sidecar_pid_ = -1;
  pid_t service_pid_ = -1;
  std::uint64_t sidecar_start_ = 0;
  Cgroups cgroups_;
  std::vector<NotEnforced> not_enforced_;
  std::vector<std::string> door_names_;
  std::vector<Fd> doors_;  // until the sidecar has them
  std::optional<Millis> deadline_;
  std::optional<int> exit_code_;
};

int Keeper::run() {
  if (const auto begun = begin(); !begun) {
    output_.say(begun.error().message);
    feed(event::SealFailed{begun.error().message});
    if (init_pid_ < 0) feed(event::InitExited{});
    if (sidecar_pid_ < 0) feed(event::SidecarExited{{false, 1}});
  }
  while (!exit_code_) turn();
  output_.finish();
  if (spec_.compartment) std::ignore = remove_cgroups(spec_.compartment->cgroups);
  controller_.flush(500);
  return *exit_code_;
}

// The sidecar's exec and the compartment's making overlap.
Result<> Keeper::begin() {
  setsid();
  if (const auto done = watch_signals(); !done) return done;
  for (const auto& action : lifetime_.begin()) {
    if (action.kind == Action::Kind::arm) perform(action);
  }
  if (const auto done = launch_sidecar(); !done) return done;
  if (spec_.compartment) {
    if (const auto done = launch_compartment(); !done) return done;
  } else {
    greet_sidecar();
  }
  // From here on nobody of the same user reads our memory; before, newuidmap couldn't have seen the child as ours.
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return os_fail("become non-dumpable");
  controller_.tick(now_ms());
  return {};
}

Result<> Keeper::watch_signals() {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  sigset_t watched;
  sigemptyset(&watched);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT}) sigaddset(&watched, number);
  sigprocmask(SIG_BLOCK, &watched, nullptr);
  signals_ = Fd(signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!signals_) return os_fail("watch signals");
  return {};
}

Result<> Keeper::launch_sidecar() {
  auto link = make_pair_of(SOCK_SEQPACKET);
  if (!link) return fail(link.error());
  auto output = make_pipe();
  if (!output) return fail(output.error());
  const auto pid = start_sidecar(spec_.sidecar, link->theirs, output->theirs);
  if (!pid) return fail(pid.error());
  sidecar_pid_ = *pid;
  sidecar_start_ = start_time(*pid);
  sidecar_ = std::move(link->ours);
  fcntl(sidecar_.get(), F_SETFL, O_NONBLOCK);
  output_.add(Output::Source::sidecar, std::move(output->ours));
  return {};
}

void Keeper::make_limits() {
  auto& compartment = *spec_.compartment;
  auto made = make_cgroups(compartment.cgroups, compartment.limits);
  if (made) {
    cgroups_ = std::move(*made);
  } else {
    not_enforced_.push_back(
        {"limits", made.error().message, "look at the reason; the service runs without its limits"});
  }
}

Result<> Keeper::launch_compartment() {
  const Compartment& compartment = *spec_.compartment;
  const RootPlan plan = plan_root(compartment);
  make_limits();
  if (compartment.ids.mapping == IdMapping::single) not_enforced_.push_back(own_uid_not_enforced());
  if (!compartment.data.empty()) {
    if (const auto made = make_directories(compartment.data); !made) return made;
  }
  auto link = make_pair_of(SOCK_SEQPACKET);
  auto output = make_pipe();
  auto errors = make_pipe();
  if (!link || !output || !errors) return fail(Cause::exhausted, "no descriptors left");
  const int on = 1;
  setsockopt(link->ours.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  InitOptions options{
      std::move(link->theirs), std::move(output->theirs), std::move(errors->theirs), std::move(cgroups_.procs), {}};
  if (geteuid() == 0) {
    auto trees = open_trees(plan);
    if (!trees) return fail(trees.error());
    options.trees = std::move(*trees);
  }
  const auto pid = fork_into_namespaces();
  if (!pid) return fail(pid.error());
  if (*pid == 0) run_init(compartment, plan, std::move(options));
  init_pid_ = *pid;
  init_ = std::move(link->ours);
  output_.add(Output::Source::service_output, std::move(output->ours));
  output_.add(Output::Source::service_errors, std::move(errors->ours));
  if (const auto mapped = write_id_maps(init_pid_, compartment.ids); !mapped) {
    kill_init();
    return mapped;
  }
  tell_init(InitMessage::Kind::mapped);
  fcntl(init_.get(), F_SETFL, O_NONBLOCK);
  return {};
}

int Keeper::poll_timeout() const {
  std::optional<Millis> next = deadline_;
  for (const auto& due : {controller_.retry_at(), sessions_.deadline()})
    if (due && (!next || *due < *next)) next = due;
  if (!next) return -1;
  return static_cast<int>(std::clamp<Millis>(*next - now_ms(), 0, 60'000));
}

void Keeper::turn() {
  std::array<pollfd, 4 + Output::kSources> watched{{{signals_.get(), POLLIN, 0},
                                                    {init_.get(), POLLIN, 0},
                                                    {sidecar_.get(), POLLIN, 0},
                                                    {controller_.fd(), controller_.events(), 0}}};
  const std::span<pollfd, Output::kSources> written = std::span(watched).last<Output::kSources>();
  output_.watch(written);
  if (poll(watched.data(), watched.size(), poll_timeout()) < 0 && errno != EINTR) {
    exit_code_ = 1;
    return;
  }
  output_.on_ready(written);
  // What a child said before it ended comes before its end.
  if (watched[1].revents != 0) on_init();
  if (watched[2].revents != 0) on_sidecar();
  if (watched[0].revents != 0) on_signals();
  if (watched[3].revents != 0) on_controller(watched[3].revents);
  const Millis now = now_ms();
  controller_.tick(now);
  sessions_.tick(now, guests_of());
  if (deadline_ && now >= *deadline_) {
    deadline_.reset();
    feed(event::Deadline{});
  }
}

void Keeper::feed(const Event& event) {
  for (const auto& action : lifetime_.on(event)) perform(action);
}

void Keeper::perform(const Action& action) {
  switch (action.kind) {
    case Action::Kind::greet_sidecar: return greet_sidecar();
    case Action::Kind::start_service: return tell_init(InitMessage::Kind::start);
    case Action::Kind::announce_service: return tell_sidecar("service_started");
    case Action::Kind::drain_sidecar: return tell_sidecar("drain");
    case Action::Kind::terminate_service: return tell_init(InitMessage::Kind::terminate);
    case Action::Kind::kill_compartment: return kill_init();
    case Action::Kind::finish_sidecar: return tell_sidecar("finish");
    case Action::Kind::kill_sidecar:
      if (sidecar_pid_ > 0) kill(sidecar_pid_, SIGKILL);
      return;
    case Action::Kind::arm:
      deadline_ = action.value == 0 ? std::nullopt : std::optional(now_ms() + action.value);
      return;
    case Action::Kind::report_state: return report_state(action.text);
    case Action::Kind::report_exit: return report_exit(action);
    case Action::Kind::end: exit_code_ = static_cast<int>(action.value); return;
  }
}

void Keeper::greet_sidecar() {
  Json hello = spec_.sidecar.hello.empty() ? Json::object() : Json::parse(spec_.sidecar.hello, nullptr, false);
  std::vector<std::string> names = std::move(door_names_);
  std::vector<int> rights;
  for (const auto& door : doors_) rights.push_back(door.get());
  for (const auto& listener : spec_.listeners) {
    names.push_back(listener.name);
    rights.push_back(listener.fd);
  }
  hello["type"] = "hello";
  hello["fds"] = names;
  const std::string text = dump(hello);
  const auto sent = send_with_rights(sidecar_.get(), std::as_bytes(std::span(text)), rights);
  if (!sent) output_.say("the sidecar can't be told its doors: " + sent.error().message);
  doors_.clear();
}

void Keeper::tell_sidecar(std::string_view type) {
  const std::string text = dump({{"type", type}});
  std::ignore = send_with_rights(sidecar_.get(), std::as_bytes(std::span(text)), {});
}

void Keeper::tell_init(InitMessage::Kind kind) {
  const InitMessage message{kind};
  std::ignore = send_with_rights(init_.get(), std::as_bytes(std::span(&message, 1)), {});
}

void Keeper::kill_init() {
  if (init_pid_ > 0) kill(init_pid_, SIGKILL);
}

void Keeper::report_state(const std::string& state) {
  Json message = {{"type", "state"}, {"state", state}};
  if (service_pid_ > 0) message["service_pid"] = service_pid_;
  controller_.send(dump(message));
}

void Keeper::report_exit(const Action& action) {
  Json message = {{"type", "exited"}, {"oom", action.oom}};
  message[action.ending.signalled ? "signal" : "code"] = action.ending.value;
  if (!action.text.empty()) message["reason"] = action.text;
  controller_.send(dump(message));
  output_.say(to_string(action));
}

void Keeper::on_signals() {
  signalfd_siginfo signal{};
  while (read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo == SIGCHLD) continue;
    feed(event::StopRequested{spec_.grace_ms});
  }
  reap();
}

void Keeper::reap() {
  int status = 0;
  for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    const bool signalled = WIFSIGNALED(status);
    const Ending ending{signalled, signalled ? WTERMSIG(status) : WEXITSTATUS(status)};
    if (pid == sidecar_pid_) {
      on_sidecar();
      sidecar_pid_ = -1;
      sidecar_.reset();
      feed(event::SidecarExited{ending});
    } else if (pid == init_pid_) {
      on_init();
      init_pid_ = service_pid_ = -1;
      init_.reset();
      feed(event::InitExited{});
    }
  }
}

void Keeper::on_init() {
  while (init_) {
    InitMessage message;
    auto received = receive_with_rights(init_.get(), std::as_writable_bytes(std::span(&message, 1)));
    if (!received && received.error().cause == Cause::exhausted) return;
    if (!received || received->size != sizeof message) {
      // Its end; waitpid says how.
      init_.reset();
      return;
    }
    message.text.back() = '\0';
    on_init_message(message, *received);
  }
}

void Keeper::on_init_message(const InitMessage& message, Received& received) {
  switch (message.kind) {
    case InitMessage::Kind::sealed: {
      std::istringstream names(message.text.data());
      for (std::string name; std::getline(names, name);) door_names_.push_back(name);
      doors_ = std::move(received.rights);
      return feed(event::Sealed{});
    }
    case InitMessage::Kind::started:
      service_pid_ = received.pid.value_or(-1);
      return feed(event::ServiceStarted{service_pid_});
    case InitMessage::Kind::exited: {
      const bool oom = spec_.compartment && oom_kills(spec_.compartment->cgroups) > 0;
      service_pid_ = -1;
      return feed(event::ServiceExited{{message.signalled, message.value}, oom});
    }
    case InitMessage::Kind::failed: {
      const std::string reason = message.text.data();
      if (lifetime_.phase() == Phase::sealing) return feed(event::SealFailed{reason});
      return feed(event::StartFailed{reason});
    }
    case InitMessage::Kind::doors_set:
      return controller_.send(dump({{"type", "doors"}, {"problem", message.text.data()}}));
    default: return sessions_.on_init(message, received);
  }
}

// The compartment's filter lets through what is declared now.
void Keeper::change_doors(const Json& list) {
  std::vector<Door> doors;
  for (const Json& each : list) {
    if (!each.is_object()) return;
    doors.push_back({each.value("address", ""), each.value("port", std::uint16_t{0})});
  }
  if (!init_ || !spec_.compartment || doors == spec_.compartment->doors) return;
  const auto packed = pack_doors(doors);
  if (!packed) return controller_.send(dump({{"type", "doors"}, {"problem", packed.error().message}}));
  const InitMessage message{InitMessage::Kind::doors};
  const std::array rights{packed->get()};
  if (send_with_rights(init_.get(), std::as_bytes(std::span(&message, 1)), rights))
    spec_.compartment->doors = std::move(doors);
}

void Keeper::on_sidecar() {
  while (sidecar_) {
    std::array<std::byte, 4096> bytes{};
    const auto received = receive_with_rights(sidecar_.get(), bytes);
    if (!received && received.error().cause == Cause::exhausted) return;
    if (!received || received->size == 0) {
      // It can't be told anything any more: that is its end, whatever it still does.
      sidecar_.reset();
      if (sidecar_pid_ > 0 && lifetime_.phase() < Phase::finishing) kill(sidecar_pid_, SIGKILL);
      return;
    }
    const Json message =
        Json::parse(std::string_view(reinterpret_cast<const char*>(bytes.data()), received->size), nullptr, false);
    if (!message.is_object()) continue;
    const std::string type = message.value("type", Json()).is_string() ? message["type"].get<std::string>() : "";
    if (type == "ready") feed(event::SidecarReady{});
    if (type == "drained") feed(event::SidecarDrained{});
  }
}

void Keeper::on_controller(short revents) {
  for (const auto& text : controller_.on_ready(now_ms(), revents)) {
    const Json message = Json::parse(text, nullptr, false);
    if (!message.is_object() || !message.value("type", Json()).is_string()) continue;
    const auto type = message["type"].get<std::string>();
    if (type == "stop") {
      const Json grace = message.value("grace_ms", Json());
      feed(event::StopRequested{grace.is_number_unsigned() ? grace.get<std::uint32_t>() : spec_.grace_ms});
    }
    if (type == "doors" && message.contains("doors") && message["doors"].is_array()) change_doors(message["doors"]);
    if (type == "guest" || type == "hang_up" || type == "connect")
      sessions_.on_controller(message, guests_of(), now_ms());
    if (type == "listeners") {
      Json names = Json::array();
      std::vector<int> rights;
      for (const auto& listener : spec_.listeners) {
        names.push_back(listener.name);
        rights.push_back(listener.fd);
      }
      controller_.send(dump({{"type", "listeners"}, {"names", std::move(names)}}), std::move(rights));
    }
  }
}

std::string Keeper::greeting() const {
  Json missing = Json::array();
  for (const auto& each : not_enforced_) {
    missing.push_back({{"what", each.what}, {"reason", each.reason}, {"fix", each.fix}});
  }
  return dump({{"type", "hello"},
               {"instance", spec_.instance},
               {"keeper_pid", getpid()},
               {"keeper_start", start_time(getpid())},
               {"sidecar_pid", sidecar_pid_},
               {"sidecar_start", sidecar_start_},
               {"service_pid", service_pid_},
               {"state", to_string(lifetime_.phase())},
               {"not_enforced", std::move(missing)}});
}

Result<std::string> read_to_end(Fd fd) {
  std::string text;
  std::array<char, 16384> bytes{};
  for (ssize_t size = 0; (size = read(fd.get(), bytes.data(), bytes.size())) != 0;) {
    if (size < 0) return os_fail("read the spec");
    text.append(bytes.data(), static_cast<std::size_t>(size));
    if (text.size() > (16U << 20U)) return fail(Cause::exhausted, "the spec is above 16 MiB");
  }
  return text;
}

Result<Spec> read_spec(int fd) {
  const auto text = read_to_end(Fd(fd));
  if (!text) return fail(text.error());
  return parse_spec(*text);
}

}  // namespace

int keeper_main(int spec_fd) {
  auto spec = read_spec(spec_fd);
  if (!spec) {
    log_line("bulkhead keeper: {}", spec.error().message);
    return kUnusableSpec;
  }
  for (const auto& listener : spec->listeners) fcntl(listener.fd, F_SETFD, FD_CLOEXEC);
  return Keeper(std::move(*spec)).run();
}

}  // namespace bulkhead::compartments
