#include "control/partner.hpp"

#include <charconv>
#include <cstdlib>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.hpp"
#include "control/places.hpp"
#include "net/event.hpp"
#include "net/gate.hpp"
#include "net/process.hpp"
#include "net/signals.hpp"

namespace bulkhead::control {

using namespace std::chrono_literals;

namespace {

std::string lock_path(const std::string& run_directory, const std::string& role) {
  return run_directory + "/" + role + ".lock";
}

// Open-file-description locks: asking who holds one takes nothing, and the kernel lets go when the holder dies.
struct flock whole_file() {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

bool is_locked(int fd) {
  struct flock lock = whole_file();
  return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

std::vector<std::string> role_environment() {
  std::vector<std::string> environment;
  for (const char* name : {"PATH", "HOME", "USER", "LANG", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "BULKHEAD_DIR",
                           "DBUS_SESSION_BUS_ADDRESS", "ASAN_OPTIONS", "UBSAN_OPTIONS"})
    if (const char* value = std::getenv(name))
      environment.push_back(std::string(name) + "=" + value);  // NOLINT(concurrency-mt-unsafe)
  return environment;
}

}  // namespace

Result<Fd> take_role(const std::string& run_directory, const std::string& role) {
  const std::string path = lock_path(run_directory, role);
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return os_fail("open " + path);
  struct flock lock = whole_file();
  if (::fcntl(fd.get(), F_OFD_SETLK, &lock) != 0) return fail(Cause::conflict, "another {} holds {}", role, path);
  const std::string pid = fmt::format("{:<10}\n", ::getpid());  // of one width: never half an old one
  if (::pwrite(fd.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
    return os_fail("write " + path);
  return fd;
}

int holder_of(const std::string& run_directory, const std::string& role) {
  const Fd fd(::open(lock_path(run_directory, role).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || !is_locked(fd.get())) return 0;
  char text[16] = {};
  const ssize_t size = ::pread(fd.get(), text, sizeof text - 1, 0);
  int pid = 0;
  if (size > 0) std::from_chars(text, text + size, pid);
  return pid;
}

Result<> start_role(const std::string& executable, const std::string& role, const std::string& app,
                    const std::string& log, std::vector<std::string> prefix, const Vault* vault) {
  const Fd output(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!output) return os_fail("open " + log);
  net::ProcessSpec spec;
  spec.argv = std::move(prefix);
  spec.argv.insert(spec.argv.end(), {executable, role, "--app", app});
  spec.environment = role_environment();
  spec.fds = {{output.get(), 1}, {output.get(), 2}};
  if (vault != nullptr) spec.fds.push_back({vault->descriptor(), Vault::kNumber});
  spec.directory = "/";
  spec.new_session = true;
  auto started = net::start_process(spec);
  if (!started) return fail(within("starting the " + role, std::move(started.error())));
  return {};
}

Partner::Partner(net::Loop& loop, std::string run_directory, std::string role, std::string executable, std::string app,
                 std::string log, const Vault& vault)
    : loop_(loop),
      run_directory_(std::move(run_directory)),
      role_(std::move(role)),
      executable_(std::move(executable)),
      app_(std::move(app)),
      log_(std::move(log)),
      vault_(vault) {}

namespace {

constexpr auto kBothTold = 50ms;

}  // namespace

net::Task<> Partner::keep_alive() {
  int missing = 0;  // looks in a row without finding one: it may just be starting
  while (!dismissed_) {
    const int pid = holder_of(run_directory_, role_);
    if (pid > 0) {
      missing = 0;
      if (auto pidfd = net::open_pidfd(pid)) {
        const auto ended = co_await net::wait_exit(loop_, *pidfd, net::Deadline::never());
        static_cast<void>(ended);
        // A host that stops tells both at once: whoever was told as well must not bring the other back.
        co_await net::sleep(loop_, loop_.in(kBothTold));
      }
      continue;
    }
    if (::access(run_directory_.c_str(), F_OK) != 0 && errno == ENOENT) co_return;  // there is no application any more
    if (missing == 0) {
      const auto started = start_role(executable_, role_, app_, log_, {}, &vault_);
      if (!started) log_line("{}", started.error().message);
    }
    missing = (missing + 1) % 20;
    co_await net::sleep(loop_, loop_.in(50ms));
  }
}

void Partner::renew() {
  const int pid = holder_of(run_directory_, role_);
  if (pid > 0) ::kill(pid, SIGTERM);
}

void Partner::dismiss() {
  dismissed_ = true;
  renew();
}

namespace {

net::Task<> end_when_told(net::Signals& signals, net::Event& over) {
  const auto signal = co_await signals.next(net::Deadline::never());
  static_cast<void>(signal);
  over.set();
}

net::Task<> end_with_the_application(Partner& controller, net::Event& over) {
  co_await controller.keep_alive();
  over.set();
}

net::Task<> until_over(net::Loop& loop, net::Signals& signals, Partner& controller) {
  net::Event over(loop);
  net::Gate gate(loop);
  gate.spawn(end_when_told(signals, over));
  gate.spawn(end_with_the_application(controller, over));
  const auto ended = co_await over.wait(net::Deadline::never());
  static_cast<void>(ended);
}

}  // namespace

int warden_main(const std::string& app, const std::string& executable) {
  const Places places = places_of(app);
  const auto lock = take_role(places.run, "warden");
  if (!lock) {
    log_line("{}", lock.error().message);
    return lock.error().cause == Cause::conflict ? 0 : 1;
  }
  const auto vault = Vault::open();
  const auto hidden = hide_memory();
  if (!vault || !hidden) {
    log_line("warden of {}: {}", app, (vault ? hidden.error() : vault.error()).message);
    return 1;
  }
  net::Loop loop;
  auto signals = net::Signals::open(loop, {SIGTERM, SIGINT});
  if (!signals) return 1;
  Partner controller(loop, places.run, "controller", executable, app, places.platform_log(), *vault);
  loop.run(until_over(loop, *signals, controller));
  return 0;
}

}  // namespace bulkhead::control
