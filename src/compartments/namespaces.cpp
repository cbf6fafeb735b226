#include "compartments/namespaces.hpp"

#include <array>
#include <vector>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bulkhead::compartments {
namespace {

constexpr unsigned long kNamespaces =
    CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;

Result<> write_file(const std::string& path, const std::string& text) {
  const Fd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  // A map is accepted in a single write only.
  if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return os_fail("write " + path);
  }
  return {};
}

std::string two_ids(std::uint32_t launcher, std::uint32_t service) {
  return fmt::format("0 {} 1\n{} {} 1\n", launcher, kServiceId, service);
}

Result<> run_helper(const char* helper, pid_t child, std::uint32_t launcher, std::uint32_t service) {
  const std::vector<std::string> words{helper,
                                       std::to_string(child),
                                       "0",
                                       std::to_string(launcher),
                                       "1",
                                       std::to_string(kServiceId),
                                       std::to_string(service),
                                       "1"};
  std::vector<char*> argv;
  for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid < 0) return os_fail("fork");
  if (pid == 0) {
    const char* environment[] = {"PATH=/usr/bin:/bin:/usr/sbin:/sbin", nullptr};
    for (const char* directory : {"/usr/bin/", "/bin/", "/usr/sbin/"}) {
      execve((std::string(directory) + helper).c_str(), argv.data(), const_cast<char**>(environment));
    }
    _exit(127);
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail(Cause::unsupported, "{} refused to map id {} (check /etc/subuid and /etc/subgid)", helper, service);
}

}  // namespace

Result<pid_t> fork_into_namespaces() {
  long child = syscall(SYS_clone, kNamespaces | CLONE_NEWCGROUP | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child < 0 && errno == EINVAL)
    child = syscall(SYS_clone, kNamespaces | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child < 0) return os_fail("make the compartment's namespaces");
  return static_cast<pid_t>(child);
}

Result<> write_id_maps(pid_t child, const Ids& ids) {
  const std::string process = "/proc/" + std::to_string(child);
  switch (ids.mapping) {
    case IdMapping::direct: {
      if (const auto done = write_file(process + "/uid_map", two_ids(getuid(), ids.service_uid)); !done) return done;
      return write_file(process + "/gid_map", two_ids(getgid(), ids.service_gid));
    }
    case IdMapping::helper: {
      if (const auto done = run_helper("newuidmap", child, getuid(), ids.service_uid); !done) return done;
      return run_helper("newgidmap", child, getgid(), ids.service_gid);
    }
    case IdMapping::single: break;
  }
  if (const auto done = write_file(process + "/setgroups", "deny"); !done) return done;
  if (const auto done = write_file(process + "/uid_map", fmt::format("{} {} 1\n", kServiceId, getuid())); !done) {
    return done;
  }
  return write_file(process + "/gid_map", fmt::format("{} {} 1\n", kServiceId, getgid()));
}

}  // namespace bulkhead::compartments
