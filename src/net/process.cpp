#include "net/process.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/watch.hpp"

namespace bulkhead::net {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const std::string& string : strings) result.push_back(const_cast<char*>(string.c_str()));
  result.push_back(nullptr);
  return result;
}

// Where the program is; looked up here, as execvp in the child would allocate.
Result<std::string> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  while (!name.empty() && !rest.empty()) {
    const std::size_t colon = std::min(rest.find(':'), rest.size());
    std::string candidate = fmt::format("{}/{}", rest.substr(0, colon), name);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return fail(Cause::not_found, "no program \"{}\" in PATH", name);
}

// All that the child needs, allocated before fork: after it only async-signal-safe calls are allowed.
struct ChildPlan {
  std::string program;
  std::vector<char*> argv;
  std::vector<char*> environment;
  std::vector<ProcessSpec::Inherited> fds;
  const char* directory;
  bool new_session;
  int report;  // errno of a failure goes here
};

bool move_descriptors(ChildPlan& plan) {
  int above = 3;
  for (const auto& inherited : plan.fds) above = std::max(above, inherited.number + 1);
  // First out of the way of each other, then to their places.
  plan.report = ::fcntl(plan.report, F_DUPFD_CLOEXEC, above);
  if (plan.report < 0) return false;
  for (auto& inherited : plan.fds) {
    inherited.fd = ::fcntl(inherited.fd, F_DUPFD_CLOEXEC, above);
    if (inherited.fd < 0) return false;
  }
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return false;
  for (int number = 0; number < 3; ++number) {
    if (null == number ? ::fcntl(null, F_SETFD, 0) < 0 : ::dup2(null, number) < 0) return false;
  }
  if (::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return false;
  for (const auto& inherited : plan.fds) {
    if (::dup2(inherited.fd, inherited.number) < 0) return false;
  }
  return true;
}

void reset_signals() {
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &standard, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void run_child(ChildPlan& plan) {
  reset_signals();
  const bool ready = move_descriptors(plan) && (!plan.new_session || ::setsid() >= 0) &&
                     (plan.directory == nullptr || ::chdir(plan.directory) == 0);
  if (ready) ::execve(plan.program.c_str(), plan.argv.data(), plan.environment.data());
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(plan.report, &error, sizeof error);
  ::_exit(127);
}

Result<> await_exec(const Fd& report, pid_t pid, const std::string& program) {
  int error = 0;
  ssize_t size = 0;
  do {
    size = ::read(report.get(), &error, sizeof error);
  } while (size < 0 && errno == EINTR);
  if (size <= 0) return {};
  ::waitpid(pid, nullptr, 0);
  return os_fail(fmt::format("start {}", program), error);
}

}  // namespace

Result<Process> start_process(const ProcessSpec& spec) {
  if (spec.argv.empty()) return fail(Cause::invalid, "a process needs a command");
  auto program = find_program(spec.argv.front());
  if (!program) return fail(program.error());
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return os_fail("make a pipe");
  const Fd report(pipe[0]);
  Fd report_end(pipe[1]);
  ChildPlan plan{std::move(*program),
                 pointers(spec.argv),
                 pointers(spec.environment),
                 spec.fds,
                 spec.directory.empty() ? nullptr : spec.directory.c_str(),
                 spec.new_session,
                 report_end.get()};
  const pid_t pid = ::fork();
  if (pid < 0) return os_fail("fork");
  if (pid == 0) run_child(plan);
  report_end.reset();
  if (const auto started = await_exec(report, pid, plan.program); !started) return fail(started.error());
  auto pidfd = open_pidfd(pid);
  if (!pidfd) return fail(pidfd.error());
  return Process{pid, std::move(*pidfd)};
}

std::vector<std::string> own_environment() {
  std::vector<std::string> all;
  for (char** each = environ; *each != nullptr; ++each) all.emplace_back(*each);
  return all;
}

std::string ExitStatus::text() const {
  if (!known) return "gone";
  if (signal == 0) return fmt::format("exited with {}", code);
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? fmt::format("killed by SIG{}", name) : fmt::format("killed by signal {}", signal);
}

Result<Fd> open_pidfd(pid_t pid) {
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (fd) return fd;
  if (errno == ESRCH) return fail(Cause::not_found, "there is no process {}", pid);
  return os_fail(fmt::format("watch process {}", pid));
}

Task<Result<ExitStatus>> wait_exit(Loop& loop, const Fd& pidfd, Deadline deadline) {
  Fd copy(::fcntl(pidfd.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) co_return os_fail("watch a process");
  auto watch = Watch::adopt(loop, std::move(copy));
  if (!watch) co_return fail(watch.error());
  watch->not_readable();
  const auto ended = co_await watch->readable(deadline);
  if (!ended) co_return fail(ended.error());
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) {
    co_return ExitStatus{.known = false};
  }
  if (info.si_code == CLD_EXITED) co_return ExitStatus{.code = info.si_status};
  co_return ExitStatus{.signal = info.si_status};
}

Result<> send_signal(const Fd& pidfd, int signal) {
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0 || errno == ESRCH) return {};
  return os_fail(fmt::format("send signal {}", signal));
}

Result<ProcessIdentity> identify_process(pid_t pid) {
  const auto stat = read_file(fmt::format("/proc/{}/stat", pid));
  if (!stat) return fail(Cause::not_found, "there is no process {}", pid);
  // The name in parentheses may contain anything, ')' and blanks too: fields count from the last ')'.
  std::string_view rest = *stat;
  rest.remove_prefix(std::min(rest.rfind(')') + 1, rest.size()));
  constexpr int kFieldsBeforeStartTime = 20;
  for (int field = 0; field < kFieldsBeforeStartTime; ++field) {
    rest.remove_prefix(std::min(rest.find(' '), rest.size() - 1) + 1);
    if (rest.empty()) return fail(Cause::invalid, "/proc/{}/stat is not understood", pid);
  }
  ProcessIdentity identity{.pid = pid};
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), identity.start_time);
  if (parsed.ec != std::errc()) return fail(Cause::invalid, "/proc/{}/stat is not understood", pid);
  auto boot = boot_id();
  if (!boot) return fail(boot.error());
  identity.boot_id = std::move(*boot);
  return identity;
}

Result<std::string> boot_id() {
  auto text = read_file("/proc/sys/kernel/random/boot_id");
  if (!text) return text;
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return text;
}

}  // namespace bulkhead::net
