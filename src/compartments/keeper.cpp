#include "compartments/keeper.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/build_id.hpp"
#include "base/log.hpp"
#include "compartments/host_check.hpp"
#include "compartments/keeper_process.hpp"
#include "compartments/memory.hpp"
#include "compartments/namespaces.hpp"
#include "compartments/pairs.hpp"
#include "compartments/root.hpp"
#include "net/instance_link.hpp"

namespace bulkhead::compartments {
namespace {

constexpr int kUnusableSpec = 2;

}  // namespace

Keeper::Millis Keeper::now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

int Keeper::run() {
  if (const auto begun = begin(); !begun) {
    output_.say(begun.error().message);
    feed(event::SealFailed{begun.error().message});
    if (init_pid_ < 0) feed(event::InitExited{});
    if (!sidecar_.is_there()) feed(event::SidecarExited{{false, 1}});
  }
  return serve();
}

int Keeper::go_on(const KeeperState& state) {
  lifetime_.go_on();
  init_ = Fd(state.init);
  init_pid_ = state.init_pid;
  init_build_ = state.init_build;
  service_pid_ = state.service_pid;
  sidecar_ = Sidecar(Fd(state.sidecar), state.sidecar_pid);
  for (const auto& each : state.sockets) sockets_.emplace_back(each.name, Fd(each.fd));
  for (std::size_t i = 0; i < state.output.size(); ++i) output_.go_on(i, Fd(state.output[i].fd), state.output[i].rest);
  writes_to_second_ = state.writes_to_second;
  not_enforced_ = state.not_enforced;
  if (const auto watching = watch_signals(); !watching) output_.say(watching.error().message);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  controller_.tick(now_ms());
  on_signals();  // what ended in between
  return serve();
}

int Keeper::serve() {
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
  init_build_ = build_id();
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

namespace {

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

int keeper_goes_on(int state_fd) {
  const auto text = read_to_end(Fd(state_fd));
  const auto state = text ? parse_keeper_state(*text) : fail(text.error());
  if (!state) {
    log_line("bulkhead keeper: {}", state.error().message);
    return kUnusableSpec;
  }
  for (const int fd : state->descriptors()) fcntl(fd, F_SETFD, FD_CLOEXEC);
  return Keeper(state->spec).go_on(*state);
}

}  // namespace bulkhead::compartments
