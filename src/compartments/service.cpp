#include "compartments/service.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compartments/privileges.hpp"

namespace bulkhead::compartments {
namespace {

constexpr std::string_view kPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// argv and environment as exec wants them; built before the fork.
struct Image {
  std::vector<std::string> candidates;  // paths to try in order
  std::vector<std::string> variables;
  std::vector<char*> argv, environment;
};

std::vector<std::string> candidates_for(const std::string& program, std::string_view path) {
  if (program.find('/') != std::string::npos) return {program};
  std::vector<std::string> all;
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find(':'));
    if (!part.empty()) all.push_back(std::string(part) + '/' + program);
    path.remove_prefix(std::min(path.size(), part.size() + 1));
  }
  return all;
}

Image image_of(const Compartment& compartment, const Program& program) {
  std::map<std::string, std::string> variables = compartment.environment;
  for (const auto& [name, value] : program.variables) variables[name] = value;
  variables.try_emplace("HOME", kDataDirectory);
  variables.try_emplace("PATH", kPath);
  variables.try_emplace("USER", compartment.user);
  Image image;
  image.candidates = candidates_for(program.command.empty() ? "" : program.command.front(), variables["PATH"]);
  for (const auto& [name, value] : variables) image.variables.push_back(name + '=' + value);
  for (const auto& word : program.command) image.argv.push_back(const_cast<char*>(word.c_str()));
  image.argv.push_back(nullptr);
  for (auto& variable : image.variables) image.environment.push_back(variable.data());
  image.environment.push_back(nullptr);
  return image;
}

Result<> join_cgroups(const std::vector<Fd>& procs) {
  for (const auto& file : procs) {
    if (write(file.get(), "0", 1) != 1) return os_fail("enter the service's cgroup");
  }
  return {};
}

bool has_pids_group(const Compartment& compartment) {
  return std::ranges::any_of(compartment.cgroups, [](const CgroupDirectory& directory) {
    return std::ranges::find(directory.controllers, CgroupController::pids) != directory.controllers.end();
  });
}

// The kernel counts RLIMIT_NPROC per user namespace and uid, which here is the compartment: it stands in for a pids
// group.
Result<> limit_processes(const Compartment& compartment) {
  if (!compartment.limits.pids || has_pids_group(compartment)) return {};
  rlimit processes{};
  if (getrlimit(RLIMIT_NPROC, &processes) != 0) return os_fail("read the limit of processes");
  // Without a uid of the service's own, init counts too.
  const rlim_t init = compartment.ids.mapping == IdMapping::single ? 1 : 0;
  processes.rlim_max = std::min<rlim_t>(processes.rlim_max, *compartment.limits.pids + init);
  processes.rlim_cur = processes.rlim_max;
  if (setrlimit(RLIMIT_NPROC, &processes) != 0) return os_fail("limit processes");
  return {};
}

Result<> limit_resources(std::uint64_t open_files) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return os_fail("read the limit of open files");
  files.rlim_max = std::min<rlim_t>(files.rlim_max, open_files);
  files.rlim_cur = files.rlim_max;
  const rlimit none{0, 0};
  if (setrlimit(RLIMIT_NOFILE, &files) != 0 || setrlimit(RLIMIT_CORE, &none) != 0) return os_fail("set limits");
  return {};
}

// Scripts and servers open /dev/stderr by its name, which only the owner of the pipe or terminal may.
Result<> take_stream(const Fd& given, int number, int otherwise) {
  if (dup2(given ? given.get() : otherwise, number) < 0) return os_fail("set up the streams");
  if (given && fchown(number, kServiceId, kServiceId) != 0) return os_fail("give the service its streams");
  return {};
}

Result<> take_streams(const Streams& streams) {
  const Fd nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!nothing) return os_fail("open /dev/null");
  if (const auto done = take_stream(streams.input, STDIN_FILENO, nothing.get()); !done) return done;
  if (const auto done = take_stream(streams.output, STDOUT_FILENO, nothing.get()); !done) return done;
  if (const auto done = take_stream(streams.errors, STDERR_FILENO, nothing.get()); !done) return done;
  if (streams.terminal && ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0) return os_fail("take the terminal");
  return {};
}

void forget_signal_state() {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  struct sigaction usual{};
  usual.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) sigaction(number, &usual, nullptr);
}

Result<> prepare(const Compartment& compartment, const Streams& streams, const std::vector<Fd>& cgroup_procs) {
  setsid();
  umask(022);
  if (const auto done = raise_capabilities(); !done) return done;
  if (const auto done = join_cgroups(cgroup_procs); !done) return done;
  if (const auto done = take_streams(streams); !done) return done;
  if (const auto done = limit_resources(compartment.open_files); !done) return done;
  if (const auto done = limit_processes(compartment); !done) return done;
  if (const auto done = become_service(); !done) return done;
  if (chdir(compartment.start_in.c_str()) != 0) return os_fail("enter " + compartment.start_in);
  forget_signal_state();
  return load_service_filter();
}

// In the place of a service that an operator runs: it holds the compartment, and ends when it is asked to.
[[noreturn]] void wait_for_the_end() {
  close_range(STDERR_FILENO + 1, ~0U, 0);  // no exec does it
  for (;;) pause();
}

Fault exec_image(const Image& image) {
  int error = ENOENT;
  for (const auto& path : image.candidates) {
    execve(path.c_str(), image.argv.data(), image.environment.data());
    if (errno != ENOENT && errno != ENOTDIR) error = errno;
  }
  return os_fault(std::string("run ") + image.argv.front(), error);
}

}  // namespace

Result<pid_t> start_program(const Compartment& compartment, const Program& program,
                            const std::vector<Fd>& cgroup_procs) {
  const Image image = image_of(compartment, program);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return os_fail("make a pipe");
  const Fd complaint(ends[0]);
  Fd complain(ends[1]);
  const pid_t child = fork();
  if (child < 0) return os_fail("fork the service");
  if (child == 0) {
    const auto prepared = prepare(compartment, program.streams, cgroup_procs);
    if (prepared && program.command.empty()) wait_for_the_end();
    const Fault fault = prepared ? exec_image(image) : prepared.error();
    [[maybe_unused]] const auto ignored = write(complain.get(), fault.message.data(), fault.message.size());
    _exit(127);
  }
  complain.reset();
  std::array<char, 512> text{};
  const ssize_t size = read(complaint.get(), text.data(), text.size());
  if (size == 0) return child;
  waitpid(child, nullptr, 0);
  return fail(Cause::invalid, "{}",
              std::string_view(text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))));
}

}  // namespace bulkhead::compartments
