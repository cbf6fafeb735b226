#include "compartments/init.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compartments/door_sets.hpp"
#include "compartments/guests.hpp"
#include "compartments/init_state.hpp"
#include "compartments/memory.hpp"
#include "compartments/network.hpp"
#include "compartments/privileges.hpp"
#include "compartments/rights.hpp"
#include "compartments/root.hpp"
#include "compartments/secret_files.hpp"
#include "compartments/service.hpp"
#include "compartments/vendor_desk.hpp"
#include "net/instance_link.hpp"

namespace bulkhead::compartments {
namespace {

void close_others(std::vector<int> keep) {
  std::ranges::sort(keep);
  unsigned next = 3;
  for (const int fd : keep) {
    if (fd < 3) continue;
    if (static_cast<unsigned>(fd) > next) close_range(next, static_cast<unsigned>(fd) - 1, 0);
    next = static_cast<unsigned>(fd) + 1;
  }
  close_range(next, ~0U, 0);
}

Result<> forget_the_host(const InitOptions& options) {
  std::vector<int> keep{options.keeper.get(), options.output.get(), options.errors.get()};
  for (const auto& fd : options.cgroup_procs) keep.push_back(fd.get());
  for (const auto& fd : options.trees) keep.push_back(fd.get());
  close_others(keep);
  const Fd nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int stream = 0; stream < 3; ++stream) {
    if (dup2(nothing.get(), stream) < 0) return os_fail("leave the keeper's streams");
  }
  setsid();
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  return {};
}

Result<> write_whole(const char* path, std::string_view text) {
  const Fd file(open(path, O_WRONLY | O_CLOEXEC));
  if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return os_fail(std::string("write ") + path);
  }
  return {};
}

class Init {
 public:
  Init(const Compartment& compartment, const RootPlan& plan, InitOptions options)
      : compartment_(compartment), plan_(plan), options_(std::move(options)), guests_(compartment) {}

  void run() {
    if (!wait_for_maps()) return;
    if (auto sealed = seal(); !sealed) return say_failed(sealed.error());
    serve();
  }

  void go_on(const InitState& state) {
    service_ = state.service;
    for (std::size_t i = 0; i < desks_.size(); ++i) desks_[i].go_on(Fd(state.desks[i]));
    secrets_ = SecretFiles(Fd(state.secrets), state.secrets_version);
    const auto watched = watch_children();
    say({InitMessage::Kind::became}, watched ? "" : watched.error().message);
    if (watched && reap()) serve();
  }

 private:
  void serve() {
    while (serve_once()) {
    }
  }

  bool wait_for_maps() {
    const auto message = receive();
    return message && message->kind == InitMessage::Kind::mapped;
  }

  // What stands behind the struct goes into `words_`.
  std::optional<InitMessage> receive() {
    std::vector<std::byte> packet(sizeof(InitMessage) + kMostWords);
    auto got = receive_with_rights(options_.keeper.get(), packet);
    if (!got || got->size < sizeof(InitMessage)) return std::nullopt;
    InitMessage message;
    std::memcpy(&message, packet.data(), sizeof message);
    message.text.back() = '\0';
    rights_ = std::move(got->rights);
    words_.assign(reinterpret_cast<const char*>(packet.data()) + sizeof message, got->size - sizeof message);
    return message;
  }

  void say(InitMessage message, std::string_view text = {}, const std::vector<int>& rights = {},
           std::optional<int> pid = std::nullopt) {
    text.copy(message.text.data(), message.text.size() - 1);
    // A keeper that is gone shows in the next poll.
    std::ignore = send_with_rights(options_.keeper.get(), std::as_bytes(std::span(&message, 1)), rights, pid);
  }
  void say_failed(const Fault& fault) { say({InitMessage::Kind::failed}, fault.message); }

  Result<> seal() {
    // Now that the maps are written, nobody of the same user may look in here.
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) {
      return os_fail("protect init");
    }
    if (const auto done = write_whole("/proc/sys/user/max_user_namespaces", "0"); !done) return done;
    if (!compartment_.hostname.empty()) {
      if (sethostname(compartment_.hostname.data(), compartment_.hostname.size()) != 0) return os_fail("set hostname");
    }
    auto sockets = set_up_network(compartment_.doors);
    if (!sockets) return fail(sockets.error());
    if (const auto done = build_root(); !done) return done;
    return hand_over(std::move(*sockets));
  }

  Result<> build_root() {
    ::umask(022);  // the launcher's may be closed; what stands in the root is for the service to read
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return os_fail("make mounts private");
    if (options_.trees.empty()) {
      auto trees = open_trees(plan_);
      if (!trees) return fail(trees.error());
      options_.trees = std::move(*trees);
    }
    const bool with_secrets = !compartment_.secrets.empty();
    auto secrets = enter_root(plan_, options_.trees, compartment_.tmp_bytes, with_secrets);
    options_.trees.clear();
    if (!secrets) return fail(secrets.error());
    secrets_ = SecretFiles(std::move(*secrets));
    return with_secrets ? secrets_.replace(compartment_.secrets) : Result<>();
  }

  Result<> hand_over(std::vector<NamedFd> sockets) {
    auto vendor = desks_.front().open();
    if (!vendor) return fail(vendor.error());
    sockets.push_back({std::string(net::kVendor), std::move(*vendor)});
    if (const auto done = watch_children(); !done) return done;
    std::string names;
    std::vector<int> numbers;
    for (const auto& socket : sockets) {
      names += socket.name + '\n';
      numbers.push_back(socket.fd.get());
    }
    say({InitMessage::Kind::sealed}, names, numbers);
    return {};
  }

  Result<> watch_children() {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    children_ = Fd(signalfd(-1, &children, SFD_NONBLOCK | SFD_CLOEXEC));
    return children_ ? Result<>() : os_fail("watch children");
  }

  // False when the keeper or the service is gone, and this namespace with it.
  bool serve_once() {
    std::array<pollfd, 4> watched{{{options_.keeper.get(), POLLIN, 0},
                                   {children_.get(), POLLIN, 0},
                                   desks_.front().watched(),
                                   desks_.back().watched()}};
    if (poll(watched.data(), watched.size(), -1) < 0) return errno == EINTR;
    if (watched[0].revents != 0 && !obey()) return false;
    if (watched[1].revents != 0 && !reap()) return false;
    if (watched[2].revents != 0) desks_.front().serve();
    if (watched[3].revents != 0) desks_.back().serve();
    return true;
  }

  bool obey() {
    const auto message = receive();
    if (!message) return false;
    if (message->kind == InitMessage::Kind::terminate && service_ > 0) kill(service_, SIGTERM);
    if (message->kind == InitMessage::Kind::doors) change_doors();
    if (message->kind == InitMessage::Kind::secrets) change_secrets(static_cast<std::uint32_t>(message->value));
    if (message->kind == InitMessage::Kind::vendor) open_desk();
    if (message->kind == InitMessage::Kind::start && service_ < 0) return start();
    if (message->kind == InitMessage::Kind::guest && service_ > 0) start_guest(*message);
    if (message->kind == InitMessage::Kind::signal) guests_.signal(message->session, message->value);
    if (message->kind == InitMessage::Kind::connect && service_ > 0) connect_for(*message);
    if (message->kind == InitMessage::Kind::become) say({InitMessage::Kind::became}, become().error().message);
    return true;
  }

  // Comes back only with a fault, and then nothing has changed.
  Result<> become() {
    if (rights_.size() != 2) return fail(Cause::protocol, "no program came along");
    if (service_ <= 0) return fail(Cause::conflict, "the service does not run");
    if (guests_.any()) return fail(Cause::conflict, "an operator is inside");
    if (std::ranges::any_of(desks_, &VendorDesk::owes_a_reply))
      return fail(Cause::conflict, "its sidecar does not take the sockets that it asked for");
    const Fd program = std::move(rights_.front());
    const Fd spec = std::move(rights_.back());
    InitState state{.spec = spec.get(),
                    .keeper = options_.keeper.get(),
                    .service = service_,
                    .cgroup_procs = {},
                    .desks = {desks_.front().fd(), desks_.back().fd()},
                    .secrets = secrets_.fd(),
                    .secrets_version = secrets_.version()};
    for (const auto& each : options_.cgroup_procs) state.cgroup_procs.push_back(each.get());
    const auto kept = AcrossExec::keep(to_json(state), state.descriptors());
    if (!kept) return fail(kept.error());
    const std::string number = kept->number();
    const char* argv[] = {"bulkhead", "init", number.c_str(), nullptr};
    char* environment[] = {nullptr};
    execveat(program.get(), "", const_cast<char* const*>(argv), environment, AT_EMPTY_PATH);
    return os_fail("run the new program");
  }

  void change_doors() {
    const auto doors = rights_.size() == 1 ? read_doors(rights_.front()) : fail(Cause::protocol, "no doors came along");
    const auto done = doors ? replace_doors(*doors) : fail(doors.error());
    say({InitMessage::Kind::doors_set}, done ? "" : done.error().message);
  }

  void change_secrets(std::uint32_t signals) {
    const auto done = take_secrets();
    say({InitMessage::Kind::secrets_set}, done ? "" : done.error().message);
    if (!done || service_ <= 0) return;
    for (int number = 1; number < 32; ++number)
      if ((signals >> static_cast<unsigned>(number) & 1U) != 0) kill(service_, number);
  }

  Result<> take_secrets() {
    const auto files = rights_.size() == 1 ? unpack_secrets(rights_.front()) : fail(Cause::protocol, "none came along");
    if (!files) return fail(files.error());
    if (const auto raised = raise_capabilities(); !raised) return raised;
    const auto done = secrets_.replace(*files);
    if (service_ <= 0) return done;  // it has them all until then
    const auto kept = keep_init_capabilities();
    return done ? kept : done;
  }

  void open_desk() {
    VendorDesk* const unused = desks_.front().is_open() ? &desks_.back() : &desks_.front();
    // A third sidecar comes after the first is gone, whose end may not have been seen.
    auto vendor = unused->open();
    if (!vendor) return say({InitMessage::Kind::vendor_opened}, vendor.error().message);
    say({InitMessage::Kind::vendor_opened}, {}, {vendor->get()});
  }

  void start_guest(const InitMessage& wanted) {
    std::vector<std::string> command;
    for (std::string_view rest = words_; !rest.empty();) {
      const std::size_t end = std::min(rest.find('\0'), rest.size());
      command.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    const auto term = wanted.terminal ? std::optional<std::string>(wanted.text.data()) : std::nullopt;
    const auto outer =
        guests_.start(wanted.session, command, term, {wanted.rows, wanted.columns}, options_.cgroup_procs);
    if (!outer) return say({.kind = InitMessage::Kind::guest_ended, .session = wanted.session}, outer.error().message);
    std::vector<int> numbers;
    for (const auto& each : *outer) numbers.push_back(each.get());
    say({.kind = InitMessage::Kind::guest_started, .session = wanted.session}, {}, numbers);
  }

  // As the service itself would: over its own loopback.
  void connect_for(const InitMessage& wanted) {
    const auto outcome = connect_over_loopback(static_cast<std::uint16_t>(wanted.value));
    std::vector<int> numbers;
    if (outcome.error == 0) numbers.push_back(outcome.socket.get());
    say({.kind = InitMessage::Kind::connected, .session = wanted.session, .value = outcome.error}, {}, numbers);
  }

  bool start() {
    const Streams streams{{}, std::move(options_.output), std::move(options_.errors)};
    const auto pid = start_program(compartment_, {compartment_.command, {}, streams}, options_.cgroup_procs);
    if (!pid) {
      say_failed(pid.error());
      return false;
    }
    service_ = *pid;
    // Naming another process in SCM_CREDENTIALS takes a right that goes with the next line.
    say({InitMessage::Kind::started}, {}, {}, service_);
    if (const auto done = keep_init_capabilities(); !done) {
      say_failed(done.error());
      return false;
    }
    return true;
  }

  bool reap() {
    signalfd_siginfo ignored{};
    while (read(children_.get(), &ignored, sizeof ignored) > 0) {
    }
    int status = 0;
    for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
      const bool signalled = WIFSIGNALED(status);
      InitMessage message{.kind = InitMessage::Kind::exited,
                          .signalled = signalled,
                          .value = signalled ? WTERMSIG(status) : WEXITSTATUS(status)};
      if (const auto session = guests_.ended(pid)) {
        message.kind = InitMessage::Kind::guest_ended;
        message.session = *session;
        say(message);
      }
      if (pid != service_) continue;
      say(message);
      return false;
    }
    return true;
  }

  const Compartment& compartment_;
  const RootPlan& plan_;
  InitOptions options_;
  Fd children_;
  std::array<VendorDesk, 2> desks_;  // of the sidecar, and of the one that follows it
  std::vector<Fd> rights_;           // of the message received last
  SecretFiles secrets_;
  Guests guests_;
  std::string words_;
  pid_t service_ = -1;
};

}  // namespace

void run_init(const Compartment& compartment, const RootPlan& plan, InitOptions options) {
  if (!forget_the_host(options)) _exit(1);
  Init(compartment, plan, std::move(options)).run();
  _exit(0);
}

// Exec has given it every right over its namespaces once more. It is not dumpable, as it may not read its program; but
// its memory belongs to the compartment's user namespace now (execve(2)), so that a process outside of the launcher's
// own uid, which owns that, could trace it, as it can the service.
void init_goes_on(int state_fd) {
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || !keep_init_capabilities() ||
      prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
    _exit(1);
  prctl(PR_SET_NAME, "bulkhead", 0, 0, 0);
  const auto text = read_to_end(Fd(state_fd));
  const auto state = text ? parse_init_state(*text) : fail(text.error());
  if (!state) _exit(1);
  std::vector<int> keep = state->descriptors();
  for (const int fd : keep) fcntl(fd, F_SETFD, FD_CLOEXEC);
  close_others(keep);
  const auto told = read_to_end(Fd(state->spec));
  const auto spec = told ? parse_spec(*told) : fail(told.error());
  if (!spec || !spec->compartment) _exit(1);
  InitOptions options{Fd(state->keeper), {}, {}, {}, {}};
  for (const int fd : state->cgroup_procs) options.cgroup_procs.emplace_back(fd);
  Init(*spec->compartment, RootPlan(), std::move(options)).go_on(*state);
  _exit(0);
}

}  // namespace bulkhead::compartments
