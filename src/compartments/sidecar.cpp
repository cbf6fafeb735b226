#include "compartments/sidecar.hpp"

#include <array>
#include <span>

#include <fcntl.h>
#include <grp.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "compartments/pairs.hpp"
#include "compartments/rights.hpp"
#include "net/instance_link.hpp"
#include "net/process.hpp"

namespace bulkhead::compartments {
namespace {

using Json = nlohmann::json;

constexpr int kProgramFd = net::kInstanceLinkFd + 1;  // closed by exec

bool change_user(const SidecarSpec& spec) {
  if (geteuid() != 0 || !spec.uid || !spec.gid) return true;
  return setgroups(0, nullptr) == 0 && setresgid(*spec.gid, *spec.gid, *spec.gid) == 0 &&
         setresuid(*spec.uid, *spec.uid, *spec.uid) == 0;
}

bool take_descriptors(const Fd& link, const Fd& output, int program) {
  const int nothing = open("/dev/null", O_RDONLY);
  if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0) return false;
  if (dup2(output.get(), STDOUT_FILENO) < 0 || dup2(output.get(), STDERR_FILENO) < 0) return false;
  if (link.get() == net::kInstanceLinkFd) {
    if (fcntl(link.get(), F_SETFD, 0) != 0) return false;
  } else if (dup2(link.get(), net::kInstanceLinkFd) < 0) {
    return false;
  }
  return dup3(program, kProgramFd, O_CLOEXEC) >= 0 && close_range(kProgramFd + 1, ~0U, 0) == 0;
}

void raise_open_files() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

void let_signals_through() {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
}

// A host that stops, and a session that ends, tell every process at once. Only the keeper hears it: without its sidecar
// the service would be killed instead of asked.
void leave_the_end_to_the_keeper() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) signal(number, SIG_IGN);
}

}  // namespace

Result<pid_t> start_sidecar(const SidecarSpec& spec, const Fd& link, const Fd& output) {
  std::vector<std::string> variables;
  for (const auto& [name, value] : spec.environment) variables.push_back(name + '=' + value);
  std::vector<char*> argv;
  std::vector<char*> environment;
  for (const auto& word : spec.argv) argv.push_back(const_cast<char*>(word.c_str()));
  for (auto& variable : variables) environment.push_back(variable.data());
  argv.push_back(nullptr);
  environment.push_back(nullptr);
  // The platform's user may have no way to the program, below somebody's home.
  const Fd program(open(argv.front(), O_PATH | O_CLOEXEC));
  const pid_t keeper = getpid();
  const pid_t child = fork();
  if (child < 0) return os_fail("fork the sidecar");
  if (child > 0) return child;
  let_signals_through();
  leave_the_end_to_the_keeper();
  raise_open_files();
  if (!change_user(spec)) _exit(126);
  const int copy = fcntl(program.get(), F_DUPFD_CLOEXEC, kProgramFd + 1);
  if (!take_descriptors(link, output, copy)) _exit(126);
  // After the change of user, which forgets it; a keeper that died meanwhile no longer is our parent.
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (getppid() != keeper) _exit(126);
  execve(argv.front(), argv.data(), environment.data());
  if (errno == EACCES) execveat(kProgramFd, "", argv.data(), environment.data(), AT_EMPTY_PATH);
  _exit(127);
}

Result<Fd> Sidecar::start(const SidecarSpec& spec) {
  auto link = make_packet_pair();
  if (!link) return fail(link.error());
  auto output = make_output_pipe();
  if (!output) return fail(output.error());
  const auto pid = start_sidecar(spec, link->theirs, output->theirs);
  if (!pid) return fail(pid.error());
  pid_ = *pid;
  start_time_ = start_time_of(*pid);
  link_ = std::move(link->ours);
  set_nonblocking(link_);
  return std::move(output->ours);
}

Result<> Sidecar::greet(const SidecarSpec& spec, const std::vector<std::string>& names, const std::vector<int>& fds) {
  Json hello = spec.hello.empty() ? Json::object() : Json::parse(spec.hello, nullptr, false);
  hello["type"] = "hello";
  hello["fds"] = names;
  const std::string text = hello.dump(-1, ' ', false, Json::error_handler_t::replace);
  const auto sent = send_with_rights(link_.get(), std::as_bytes(std::span(text)), fds);
  if (!sent) return fail(within("the sidecar can't be told its doors", sent.error()));
  return {};
}

void Sidecar::tell(std::string_view type) {
  const std::string text = Json{{"type", type}}.dump();
  std::ignore = send_with_rights(link_.get(), std::as_bytes(std::span(text)), {});
}

std::optional<Sidecar::Message> Sidecar::hear() {
  if (!link_) return std::nullopt;
  std::array<std::byte, 4096> bytes{};
  auto received = receive_with_rights(link_.get(), bytes);
  if (!received && received.error().cause == Cause::exhausted) return std::nullopt;
  if (!received || received->size == 0) {
    link_.reset();
    return std::nullopt;
  }
  const Json message =
      Json::parse(std::string_view(reinterpret_cast<const char*>(bytes.data()), received->size), nullptr, false);
  Message heard{"", std::move(received->rights)};
  if (message.is_object() && message.contains("type") && message["type"].is_string()) heard.type = message["type"];
  return heard;
}

void Sidecar::kill() {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
}

std::uint64_t start_time_of(pid_t pid) {
  const auto identity = net::identify_process(pid);
  return identity ? identity->start_time : 0;
}

}  // namespace bulkhead::compartments
