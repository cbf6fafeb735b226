#pragma once

// Limits on memory, CPU and processes of one service, by cgroup v2 (a delegated subtree) or v1 (as root, below our own
// group of each controller). The controller detects and plans, the keeper makes, and whoever comes later removes: a
// plan is a list of directories that is known before anything is made, so that nothing is lost when a keeper is killed.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/not_enforced.hpp"
#include "base/result.hpp"

namespace bulkhead::compartments {

struct Limits {
  std::optional<std::uint64_t> memory_bytes;
  std::optional<std::uint32_t> cpu_millis;  // thousandths of one CPU
  std::optional<std::uint32_t> pids;
  bool operator==(const Limits&) const = default;
};

enum class CgroupController : std::uint8_t { memory, cpu, pids };
std::string_view to_string(CgroupController controller);

// A directory for one instance, to be made, and what it limits.
struct CgroupDirectory {
  std::string path;
  int version = 2;
  std::vector<CgroupController> controllers;
  bool operator==(const CgroupDirectory&) const = default;
};

// Where this process may make groups.
struct CgroupHost {
  std::vector<CgroupDirectory> bases;  // existing parents with the controllers that work below them
  std::vector<NotEnforced> missing;
};

// Looks, and tries by making and removing a probe group. With v2 it moves every process of our own group into a leaf
// `platform`, because a group with limits may not hold processes itself: call it once, in the controller, before the
// first keeper. Where systemd runs, only a group that it delegated is touched. `root` is where the host's tree is
// mounted, `proc` is /proc/self and `systemd` is there if systemd runs (all given by tests).
inline constexpr const char* kSystemd = "/run/systemd/system";
CgroupHost detect_cgroups(const std::string& root = "/sys/fs/cgroup", const std::string& proc = "/proc/self",
                          const std::string& systemd = kSystemd);

// The same without making or moving anything: what a controller that is started now would find, by itself or through
// systemd (delegation_prefix). `bases` has where, as far as that is there already.
CgroupHost foresee_cgroups(const std::string& root = "/sys/fs/cgroup", const std::string& proc = "/proc/self",
                           const std::string& systemd = kSystemd);

// What to put before the controller's argv so that it gets a delegated v2 subtree (systemd-run …), a scope that is
// called after `name`; empty when it has one, when it needs none (v1 as root) or when there is no way to get one.
std::vector<std::string> delegation_prefix(const std::string& name);

// Such a scope of a user's own manager ends with the user's last session: the command that changes this, where it is
// so.
std::optional<std::string> way_to_outlive_sessions();

// The groups for one instance: `instance` is made into one path element below each base.
std::vector<CgroupDirectory> plan_cgroups(const CgroupHost& host, const std::string& instance);

// What of `limits` the host can't enforce. Processes always can: without a group RLIMIT_NPROC counts them.
std::vector<NotEnforced> not_enforced(const CgroupHost& host, const Limits& limits);

// The made groups. A process that writes "0" to each of `procs` has moved itself, whoever it is.
struct Cgroups {
  std::vector<CgroupDirectory> directories;
  std::vector<Fd> procs;
};
Result<Cgroups> make_cgroups(const std::vector<CgroupDirectory>& plan, const Limits& limits);

// Processes of the group that the kernel killed for want of memory, since it was made.
std::uint64_t oom_kills(const std::vector<CgroupDirectory>& directories);

// Kills whatever is in the groups and removes them; a group that isn't there is fine. Waits at most `deadline_ms` for
// the killed to go.
Result<> remove_cgroups(const std::vector<CgroupDirectory>& directories, int deadline_ms = 2000);

}  // namespace bulkhead::compartments
