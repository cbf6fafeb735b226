#include "compartments/cgroup.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <sstream>

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace bulkhead::compartments {
namespace {

namespace fs = std::filesystem;

constexpr std::array kControllers = {CgroupController::memory, CgroupController::cpu, CgroupController::pids};
constexpr std::uint64_t kCpuPeriod = 100'000;  // microseconds, the kernel's default
constexpr const char* kPlatformLeaf = "platform";
constexpr const char* kProbe = "bulkhead-probe";
constexpr std::string_view kScopePrefix = "bulkhead-";  // of the scopes that delegation_prefix() asks for
constexpr const char* kSystemdRun = "/usr/bin/systemd-run";

Result<> put(const std::string& path, const std::string& value) {
  const Fd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || write(file.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
    return os_fail("write " + path);
  }
  return {};
}

std::string get(const std::string& path) {
  const auto text = read_file(path, 1U << 20U);
  return text ? *text : std::string();
}

bool has_word(const std::string& text, std::string_view word) {
  std::istringstream words(text);
  for (std::string each; words >> each;) {
    if (each == word) return true;
  }
  return false;
}

// One line of /proc/self/cgroup: "4:memory:/a/b", "0::/a/b".
struct OwnGroup {
  std::string controllers, path;
};
std::vector<OwnGroup> own_groups(const std::string& proc) {
  std::vector<OwnGroup> all;
  std::istringstream lines(get(proc + "/cgroup"));
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    all.push_back({line.substr(first + 1, second - first - 1), line.substr(second + 1)});
  }
  return all;
}

bool lists(const std::string& comma_separated, std::string_view word) {
  std::string text = comma_separated;
  std::ranges::replace(text, ',', ' ');
  return has_word(text, word);
}

bool try_group(const std::string& base) {
  const std::string probe = base + "/" + kProbe + "-" + std::to_string(getpid());
  if (mkdir(probe.c_str(), 0755) != 0) return false;
  const bool writable = access((probe + "/cgroup.procs").c_str(), W_OK) == 0;
  return rmdir(probe.c_str()) == 0 && writable;
}

// Processes leave `base` for a leaf, because a v2 group that limits its children may hold none itself.
void move_into_leaf(const std::string& base) {
  const std::string leaf = base + "/" + kPlatformLeaf;
  mkdir(leaf.c_str(), 0755);
  for (int round = 0; round < 8; ++round) {
    std::istringstream pids(get(base + "/cgroup.procs"));
    bool moved = false;
    for (std::string pid; pids >> pid;) moved = put(leaf + "/cgroup.procs", pid).has_value() || moved;
    if (!moved) return;
  }
}

// Where systemd runs, a group that merely can be written is not ours to divide: it may be a login session with a shell
// in it. Ours are a unit that is marked as delegated (only the system's manager marks them) and the scopes that we
// asked for.
bool may_divide(const std::string& base, const std::string& systemd) {
  if (access(systemd.c_str(), F_OK) != 0) return true;
  const std::string name = fs::path(base).filename().string();
  if (name.starts_with(kScopePrefix) && name.ends_with(".scope")) return true;
  char mark = 0;
  return getxattr(base.c_str(), "user.delegate", &mark, 1) == 1 && mark == '1';
}

// With v2: the subtree below our own group (or below the one that we moved out of earlier).
std::optional<CgroupDirectory> find_v2(const std::string& root, const std::vector<OwnGroup>& own,
                                       const std::string& systemd) {
  for (const std::string& mount : {root, root + "/unified"}) {
    if (access((mount + "/cgroup.controllers").c_str(), F_OK) != 0) continue;
    for (const auto& group : own) {
      if (!group.controllers.empty()) continue;
      std::string base = fs::path(mount + group.path).lexically_normal().string();
      while (base.ends_with('/')) base.pop_back();
      if (fs::path(base).filename() == kPlatformLeaf) base = fs::path(base).parent_path().string();
      CgroupDirectory directory{base, 2, {}};
      const std::string available = get(base + "/cgroup.controllers");
      for (const auto controller : kControllers) {
        if (has_word(available, to_string(controller))) directory.controllers.push_back(controller);
      }
      if (directory.controllers.empty() || access((base + "/cgroup.procs").c_str(), W_OK) != 0) continue;
      if (access((base + "/cgroup.subtree_control").c_str(), W_OK) != 0 || !may_divide(base, systemd)) continue;
      return directory;
    }
  }
  return std::nullopt;
}

void enable_v2(CgroupDirectory& directory) {
  // The root group is exempt from the rule about processes.
  if (access((directory.path + "/cgroup.type").c_str(), F_OK) == 0) move_into_leaf(directory.path);
  std::erase_if(directory.controllers, [&](CgroupController controller) {
    return !put(directory.path + "/cgroup.subtree_control", "+" + std::string(to_string(controller)));
  });
}

std::optional<CgroupDirectory> find_v1(const std::string& root, const std::vector<OwnGroup>& own,
                                       CgroupController controller) {
  for (const auto& group : own) {
    if (!lists(group.controllers, to_string(controller))) continue;
    for (const std::string& name : {std::string(to_string(controller)), group.controllers}) {
      std::string base = fs::path(root + "/" + name + group.path).lexically_normal().string();
      while (base.ends_with('/')) base.pop_back();
      if (try_group(base)) return CgroupDirectory{base, 1, {controller}};
    }
  }
  return std::nullopt;
}

std::string user_bus() { return fmt::format("/run/user/{}/bus", geteuid()); }

std::string user_name() {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
    return std::to_string(geteuid());
  }
  return entry.pw_name;
}

std::string linger_command() { return "sudo loginctl enable-linger " + user_name(); }

// What gets this process a group of its own, by what stands in the way.
std::string way_to_delegation(const std::string& systemd) {
  const bool asked = access(systemd.c_str(), F_OK) == 0 && access(kSystemdRun, X_OK) == 0;
  if (geteuid() == 0) {
    return asked ? "see why this fails: systemd-run --scope -p Delegate=yes true"
                 : "run on the host itself if this is a container, else on a host with systemd and cgroup v2";
  }
  if (!asked) return "start Bulkhead as root, or on a host with systemd and cgroup v2";
  if (access(user_bus().c_str(), W_OK) == 0) {
    return "see why this fails: systemd-run --user --scope -p Delegate=yes true";
  }
  if (access(fmt::format("/run/user/{}/systemd", geteuid()).c_str(), F_OK) == 0) {
    return "sudo apt install dbus-user-session, log in again, then: bulkhead down and bulkhead up";
  }
  return linger_command() + ", then: bulkhead down and bulkhead up";
}

NotEnforced missing(CgroupController controller, const std::string& systemd) {
  const std::string name(to_string(controller));
  return {name + " limit",
          geteuid() == 0 ? "no cgroup controller for " + name + " is available below this process's group"
                         : "no cgroup with " + name + " is delegated to this user",
          way_to_delegation(systemd)};
}

bool covers(const CgroupDirectory& directory, CgroupController controller) {
  return std::ranges::find(directory.controllers, controller) != directory.controllers.end();
}

// What v2 does not cover, v1 may; the rest is missing.
void add_v1_and_missing(CgroupHost& host, const std::string& root, const std::vector<OwnGroup>& own,
                        const std::string& systemd) {
  for (const auto controller : kControllers) {
    if (std::ranges::any_of(host.bases, [&](const auto& base) { return covers(base, controller); })) continue;
    if (auto base = find_v1(root, own, controller)) {
      host.bases.push_back(std::move(*base));
    } else {
      host.missing.push_back(missing(controller, systemd));
    }
  }
}

// The v2 group of the manager that gives out scopes: the system's, or this user's own.
std::optional<CgroupDirectory> find_manager(const std::string& root) {
  const auto uid = geteuid();
  CgroupDirectory directory{root, 2, {}};
  if (uid != 0) directory.path += fmt::format("/user.slice/user-{0}.slice/user@{0}.service", uid);
  const std::string available = get(directory.path + "/cgroup.controllers");
  for (const auto controller : kControllers)
    if (has_word(available, to_string(controller))) directory.controllers.push_back(controller);
  return directory.controllers.empty() ? std::nullopt : std::optional(std::move(directory));
}

Result<> set_memory(const CgroupDirectory& group, std::uint64_t bytes) {
  const std::string value = std::to_string(bytes);
  if (group.version == 2) {
    if (const auto done = put(group.path + "/memory.max", value); !done) return done;
    // No swap where the kernel counts it: a limit that swap doubles is none.
    std::ignore = put(group.path + "/memory.swap.max", "0");
    return {};
  }
  if (const auto done = put(group.path + "/memory.limit_in_bytes", value); !done) return done;
  std::ignore = put(group.path + "/memory.memsw.limit_in_bytes", value);
  return {};
}

Result<> set_cpu(const CgroupDirectory& group, std::uint32_t millis) {
  const std::uint64_t quota = std::max<std::uint64_t>(1000, kCpuPeriod * millis / 1000);
  if (group.version == 2) return put(group.path + "/cpu.max", fmt::format("{} {}", quota, kCpuPeriod));
  if (const auto done = put(group.path + "/cpu.cfs_period_us", std::to_string(kCpuPeriod)); !done) return done;
  return put(group.path + "/cpu.cfs_quota_us", std::to_string(quota));
}

Result<> set_limits(const CgroupDirectory& group, const Limits& limits) {
  if (limits.memory_bytes && covers(group, CgroupController::memory)) {
    if (const auto done = set_memory(group, *limits.memory_bytes); !done) return done;
  }
  if (limits.cpu_millis && covers(group, CgroupController::cpu)) {
    if (const auto done = set_cpu(group, *limits.cpu_millis); !done) return done;
  }
  if (limits.pids && covers(group, CgroupController::pids)) {
    return put(group.path + "/pids.max", std::to_string(*limits.pids));
  }
  return {};
}

void kill_members(const CgroupDirectory& group) {
  if (group.version == 2 && put(group.path + "/cgroup.kill", "1")) return;
  std::istringstream pids(get(group.path + "/cgroup.procs"));
  for (pid_t pid = 0; pids >> pid;) {
    if (pid > 1) kill(pid, SIGKILL);
  }
}

std::uint64_t counter(const std::string& text, std::string_view name) {
  std::istringstream words(text);
  std::string key;
  std::uint64_t value = 0;
  while (words >> key >> value) {
    if (key == name) return value;
  }
  return 0;
}

}  // namespace

std::string_view to_string(CgroupController controller) {
  constexpr std::array<std::string_view, 3> kNames = {"memory", "cpu", "pids"};
  return kNames[static_cast<std::size_t>(controller)];
}

CgroupHost detect_cgroups(const std::string& root, const std::string& proc, const std::string& systemd) {
  CgroupHost host;
  const auto own = own_groups(proc);
  if (auto unified = find_v2(root, own, systemd)) {
    enable_v2(*unified);
    if (!unified->controllers.empty() && try_group(unified->path)) host.bases.push_back(std::move(*unified));
  }
  add_v1_and_missing(host, root, own, systemd);
  return host;
}

CgroupHost foresee_cgroups(const std::string& root, const std::string& proc, const std::string& systemd) {
  CgroupHost host;
  const auto own = own_groups(proc);
  if (auto unified = find_v2(root, own, systemd)) {
    host.bases.push_back(std::move(*unified));
  } else if (auto asked = find_manager(root); asked && !delegation_prefix("").empty()) {
    host.bases.push_back(std::move(*asked));
  }
  add_v1_and_missing(host, root, own, systemd);
  return host;
}

std::vector<std::string> delegation_prefix(const std::string& name) {
  // Only where systemd runs the v2 tree; anything else has no scopes to give.
  if (access(kSystemd, F_OK) != 0 || access("/sys/fs/cgroup/cgroup.controllers", F_OK) != 0) return {};
  if (access(kSystemdRun, X_OK) != 0) return {};
  if (find_v2("/sys/fs/cgroup", own_groups("/proc/self"), kSystemd)) return {};
  std::vector<std::string> words;
  if (geteuid() == 0) {
    words = {kSystemdRun};
  } else {
    if (access(user_bus().c_str(), W_OK) != 0) return {};
    // Named, as after `su` nothing in the environment leads to it.
    words = {"/usr/bin/env", "DBUS_SESSION_BUS_ADDRESS=unix:path=" + user_bus(), kSystemdRun, "--user"};
  }
  words.push_back(fmt::format("--unit={}{}-{}.scope", kScopePrefix, name, getpid()));
  for (const char* word : {"--scope", "--quiet", "--collect", "-p", "Delegate=yes", "--"}) words.emplace_back(word);
  return words;
}

std::optional<std::string> way_to_outlive_sessions() {
  if (geteuid() == 0 || access(("/var/lib/systemd/linger/" + user_name()).c_str(), F_OK) == 0) return std::nullopt;
  if (delegation_prefix("").empty()) return std::nullopt;
  return linger_command();
}

std::vector<CgroupDirectory> plan_cgroups(const CgroupHost& host, const std::string& instance) {
  std::string name = "bulkhead-" + instance;
  std::ranges::replace(name, '/', '-');
  std::vector<CgroupDirectory> plan = host.bases;
  for (auto& directory : plan) directory.path += "/" + name;
  return plan;
}

std::vector<NotEnforced> not_enforced(const CgroupHost& host, const Limits& limits) {
  // Processes are limited without a group too, by RLIMIT_NPROC (service.cpp).
  const std::array<bool, 3> wanted = {limits.memory_bytes.has_value(), limits.cpu_millis.has_value(), false};
  std::vector<NotEnforced> all;
  for (std::size_t i = 0; i < kControllers.size(); ++i) {
    if (!wanted[i]) continue;
    const std::string what = std::string(to_string(kControllers[i])) + " limit";
    for (const auto& each : host.missing) {
      if (each.what == what) all.push_back(each);
    }
  }
  return all;
}

Result<Cgroups> make_cgroups(const std::vector<CgroupDirectory>& plan, const Limits& limits) {
  Cgroups groups;
  for (const auto& directory : plan) {
    if (mkdir(directory.path.c_str(), 0755) != 0 && errno != EEXIST) return os_fail("make " + directory.path);
    groups.directories.push_back(directory);
    if (const auto done = set_limits(directory, limits); !done) return fail(done.error());
    groups.procs.emplace_back(open((directory.path + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    if (!groups.procs.back()) return os_fail("open " + directory.path + "/cgroup.procs");
  }
  return groups;
}

std::uint64_t oom_kills(const std::vector<CgroupDirectory>& directories) {
  std::uint64_t kills = 0;
  for (const auto& directory : directories) {
    if (!covers(directory, CgroupController::memory)) continue;
    const char* file = directory.version == 2 ? "/memory.events" : "/memory.oom_control";
    kills += counter(get(directory.path + file), "oom_kill");
  }
  return kills;
}

Result<> remove_cgroups(const std::vector<CgroupDirectory>& directories, int deadline_ms) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(deadline_ms);
  for (const auto& directory : directories) {
    while (rmdir(directory.path.c_str()) != 0) {
      if (errno == ENOENT) break;
      const int error = errno;
      if (error == EBUSY) kill_members(directory);
      if (error != EBUSY || std::chrono::steady_clock::now() >= end) return os_fail("remove " + directory.path, error);
      poll(nullptr, 0, 5);
    }
  }
  return {};
}

}  // namespace bulkhead::compartments
