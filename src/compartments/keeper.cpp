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

#include "base/build_id.hpp"
#include "base/log.hpp"
#include "compartments/controller_link.hpp"
#include "compartments/door_sets.hpp"
#include "compartments/host_check.hpp"
#include "compartments/init.hpp"
#include "compartments/lifetime.hpp"
#include "compartments/namespaces.hpp"
#include "compartments/output.hpp"
#include "compartments/pairs.hpp"
#include "compartments/rights.hpp"
#include "compartments/root.hpp"
#include "compartments/sessions.hpp"
#include "compartments/sidecar.hpp"
#include "compartments/spec.hpp"
#include "compartments/succession.hpp"
#include "net/instance_link.hpp"

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

class Keeper {
 public:
  explicit Keeper(Spec spec)
      : spec_(std::move(spec)),
        lifetime_({spec_.compartment.has_value(), spec_.ready_ms, spec_.drain_ms, spec_.finish_ms}),
        output_(spec_.log),
        controller_(spec_.controller_socket, [this] { return greeting(); }),
        sessions_(controller_),
        succession_(succession_parts(), {spec_.ready_ms, std::max(spec_.grace_ms, spec_.drain_ms), spec_.finish_ms}) {}

  int run();

 private:
  Result<> begin();
  Result<> watch_signals();
  Result<> launch_sidecar(Sidecar& sidecar, const SidecarSpec& spec);
  Result<> launch_compartment();
  void make_limits();
  void turn();
  int poll_timeout() const;

  void feed(const Event& event);
  void perform(const Action& action);
  void greet_sidecar();
  Result<> greet(Sidecar& sidecar, const SidecarSpec& spec, Fd vendor);
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
  void obey(const Json& message);
  void hand_out_listeners();
  Succession::Keeper succession_parts();
  void report_sidecar(std::string_view what, std::string_view problem);
  int guests_of() const { return lifetime_.phase() == Phase::running ? init_.get() : -1; }
  std::string greeting() const;

  Spec spec_;
  Lifetime lifetime_;
  Output output_;
  ControllerLink controller_;
  Sessions sessions_;
  Succession succession_;
  Fd signals_, init_;
  Sidecar sidecar_;
  pid_t init_pid_ = -1;
  pid_t service_pid_ = -1;
  Cgroups cgroups_;
  std::vector<NotEnforced> not_enforced_;
  std::vector<std::pair<std::string, Fd>> sockets_;  // that outlive the sidecar which serves them
  Fd vendor_;                                        // until the first sidecar has it
  bool writes_to_second_ = false;                    // of the sidecar's two sources, the one that serves
  std::optional<Millis> deadline_;
  std::optional<int> exit_code_;
};

int Keeper::run() {
  if (const auto begun = begin(); !begun) {
    output_.say(begun.error().message);
    feed(event::SealFailed{begun.error().message});
    if (init_pid_ < 0) feed(event::InitExited{});
    if (!sidecar_.is_there()) feed(event::SidecarExited{{false, 1}});
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
  if (const auto done = launch_sidecar(sidecar_, spec_.sidecar); !done) return done;
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

Result<> Keeper::launch_sidecar(Sidecar& sidecar, const SidecarSpec& spec) {
  auto output = sidecar.start(spec);
  if (!output) return fail(output.error());
  const bool second = &sidecar != &sidecar_ ? !writes_to_second_ : writes_to_second_;
  output_.add(second ? Output::Source::second_sidecar : Output::Source::sidecar, std::move(*output));
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
  auto link = make_packet_pair();
  auto output = make_output_pipe();
  auto errors = make_output_pipe();
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
  set_nonblocking(init_);
  return {};
}

int Keeper::poll_timeout() const {
  std::optional<Millis> next = deadline_;
  for (const auto& due : {controller_.retry_at(), sessions_.deadline(), succession_.deadline()})
    if (due && (!next || *due < *next)) next = due;
  if (!next) return -1;
  return static_cast<int>(std::clamp<Millis>(*next - now_ms(), 0, 60'000));
}

void Keeper::turn() {
  std::array<pollfd, 5 + Output::kSources> watched{{{signals_.get(), POLLIN, 0},
                                                    {init_.get(), POLLIN, 0},
                                                    {sidecar_.link(), POLLIN, 0},
                                                    {controller_.fd(), controller_.events(), 0},
                                                    {succession_.other().link(), POLLIN, 0}}};
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
  if (watched[4].revents != 0) succession_.on_link(now_ms());
  if (watched[0].revents != 0) on_signals();
  if (watched[3].revents != 0) on_controller(watched[3].revents);
  const Millis now = now_ms();
  controller_.tick(now);
  sessions_.tick(now, guests_of());
  succession_.tick(now);
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
    case Action::Kind::announce_service: return sidecar_.tell("service_started");
    case Action::Kind::drain_sidecar: succession_.abandon(); return sidecar_.tell("drain");
    case Action::Kind::terminate_service: return tell_init(InitMessage::Kind::terminate);
    case Action::Kind::kill_compartment: return kill_init();
    case Action::Kind::finish_sidecar: succession_.finish_now(); return sidecar_.tell("finish");
    case Action::Kind::kill_sidecar: return sidecar_.kill();
    case Action::Kind::arm:
      deadline_ = action.value == 0 ? std::nullopt : std::optional(now_ms() + action.value);
      return;
    case Action::Kind::report_state: return report_state(action.text);
    case Action::Kind::report_exit: return report_exit(action);
    case Action::Kind::end: exit_code_ = static_cast<int>(action.value); return;
  }
}

void Keeper::greet_sidecar() {
  if (const auto done = greet(sidecar_, spec_.sidecar, std::move(vendor_)); !done) output_.say(done.error().message);
}

Result<> Keeper::greet(Sidecar& sidecar, const SidecarSpec& spec, Fd vendor) {
  std::vector<std::string> names;
  std::vector<int> fds;
  for (const auto& [name, fd] : sockets_) {
    names.push_back(name);
    fds.push_back(fd.get());
  }
  for (const auto& listener : spec_.listeners) {
    names.push_back(listener.name);
    fds.push_back(listener.fd);
  }
  if (vendor) {
    names.emplace_back(net::kVendor);
    fds.push_back(vendor.get());
  }
  return sidecar.greet(spec, names, fds);
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
    if (succession_.on_exit(pid)) continue;
    if (pid == sidecar_.pid()) {
      on_sidecar();
      sidecar_.forget();
      succession_.finish_now();
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
      for (auto& fd : received.rights) {
        std::string name;
        std::getline(names, name);
        if (name == net::kVendor) {
          vendor_ = std::move(fd);
        } else {
          sockets_.emplace_back(name, std::move(fd));
        }
      }
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
    case InitMessage::Kind::vendor_opened:
      return succession_.on_vendor(received.rights.size() == 1
                                       ? Result<Fd>(std::move(received.rights.front()))
                                       : fail(Cause::io, "no vendor socket: {}", message.text.data()),
                                   now_ms());
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
  while (auto message = sidecar_.hear()) {
    if (message->type == "ready") {
      // Its own listener outlives it too.
      if (message->rights.size() == 1) sockets_.emplace_back(net::kInner, std::move(message->rights.front()));
      feed(event::SidecarReady{});
    }
    if (message->type == "drained") feed(event::SidecarDrained{});
  }
  // One that can't be told anything any more is at its end, whatever it still does.
  if (!sidecar_.has_link() && lifetime_.phase() < Phase::finishing) sidecar_.kill();
}

Succession::Keeper Keeper::succession_parts() {
  return {[this] { tell_init(InitMessage::Kind::vendor); },
          [this](const std::string& executable, Fd vendor) -> Result<Sidecar> {
            SidecarSpec spec = spec_.sidecar;
            spec.argv.front() = executable;
            Sidecar next;
            if (const auto launched = launch_sidecar(next, spec); !launched) return fail(launched.error());
            if (const auto greeted = greet(next, spec, std::move(vendor)); !greeted)
              output_.say(greeted.error().message);  // it will not get ready
            return next;
          },
          [this](Sidecar& next) {
            std::swap(sidecar_, next);
            writes_to_second_ = !writes_to_second_;
          },
          [this](std::string_view what, std::string_view problem) { report_sidecar(what, problem); }};
}

void Keeper::report_sidecar(std::string_view what, std::string_view problem) {
  if (!problem.empty()) output_.say(fmt::format("the sidecar is not replaced: {}", problem));
  controller_.send(dump({{"type", "sidecar"},
                         {"what", what},
                         {"problem", problem},
                         {"sidecar_pid", sidecar_.pid()},
                         {"other_pid", succession_.other().pid()}}));
}

void Keeper::on_controller(short revents) {
  for (const auto& text : controller_.on_ready(now_ms(), revents)) {
    const Json message = Json::parse(text, nullptr, false);
    if (message.is_object() && message.value("type", Json()).is_string()) obey(message);
  }
}

void Keeper::obey(const Json& message) {
  const auto type = message["type"].get<std::string>();
  if (type == "stop") {
    const Json grace = message.value("grace_ms", Json());
    feed(event::StopRequested{grace.is_number_unsigned() ? grace.get<std::uint32_t>() : spec_.grace_ms});
  }
  if (type == "doors" && message.contains("doors") && message["doors"].is_array()) change_doors(message["doors"]);
  if (type == "guest" || type == "hang_up" || type == "connect")
    sessions_.on_controller(message, guests_of(), now_ms());
  if (type == "listeners") hand_out_listeners();
  if (type == "replace_sidecar" && message.value("executable", Json()).is_string()) {
    if (lifetime_.phase() != Phase::running) return report_sidecar("failed", "the instance does not run");
    succession_.begin(message["executable"], spec_.compartment.has_value(), now_ms());
  }
}

void Keeper::hand_out_listeners() {
  Json names = Json::array();
  std::vector<int> rights;
  for (const auto& listener : spec_.listeners) {
    names.push_back(listener.name);
    rights.push_back(listener.fd);
  }
  controller_.send(dump({{"type", "listeners"}, {"names", std::move(names)}}), std::move(rights));
}

std::string Keeper::greeting() const {
  Json missing = Json::array();
  for (const auto& each : not_enforced_) {
    missing.push_back({{"what", each.what}, {"reason", each.reason}, {"fix", each.fix}});
  }
  return dump({{"type", "hello"},
               {"instance", spec_.instance},
               {"build", build_id()},
               {"keeper_pid", getpid()},
               {"keeper_start", start_time_of(getpid())},
               {"sidecar_pid", sidecar_.pid()},
               {"sidecar_start", sidecar_.start_time()},
               {"other_pid", succession_.other().pid()},
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
