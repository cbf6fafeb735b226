// Collects what doctor.cpp judges.

#include <filesystem>

#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "compartments/cgroup.hpp"
#include "compartments/confine.hpp"
#include "compartments/host_check.hpp"
#include "compartments/network.hpp"
#include "compartments/uids.hpp"
#include "control/client.hpp"
#include "control/doctor.hpp"
#include "control/places.hpp"

namespace bulkhead::control {
namespace {

namespace fs = std::filesystem;

std::string first_line(const std::string& path) {
  const auto text = read_file(path, 1U << 16U);
  return text ? text->substr(0, text->find('\n')) : std::string();
}

std::string user_name() {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return fmt::format("uid {}", ::geteuid());
  return entry.pw_name;
}

// The effective capabilities of this process, by /proc's word.
bool has_capability(unsigned capability) {
  const auto status = read_file("/proc/self/status", 1U << 16U);
  if (!status) return false;
  constexpr std::string_view kLine = "\nCapEff:\t";
  const auto at = status->find(kLine);
  if (at == std::string::npos) return false;
  const unsigned long long bits = std::strtoull(status->c_str() + at + kLine.size(), nullptr, 16);
  return ((bits >> capability) & 1U) != 0;
}

Disk disk_of(const std::string& path) {
  Disk disk;
  disk.path = path;
  std::error_code error;
  fs::path existing(path);
  while (!fs::exists(existing, error) && existing.has_relative_path()) existing = existing.parent_path();
  disk.existing = existing.string();
  disk.writable = ::access(disk.existing.c_str(), W_OK | X_OK) == 0;
  struct statvfs info{};
  if (::statvfs(disk.existing.c_str(), &info) != 0) return disk;
  disk.free_bytes = std::uint64_t{info.f_bavail} * info.f_frsize;
  disk.free_files = info.f_files == 0 ? UINT64_MAX : info.f_favail;
  return disk;
}

std::vector<Leftover> find_leftovers() {
  std::set<std::string> apps;
  for (const std::string& base : {state_base(), run_base()}) {
    std::error_code error;
    for (const fs::directory_entry& each : fs::directory_iterator(base, error))
      if (each.is_directory(error)) apps.insert(each.path().filename().string());
  }
  std::vector<Leftover> all;
  for (const std::string& app : apps) {
    const Places places = places_of(app);
    if (is_running(places)) continue;
    if (has_remains(places))
      all.push_back({app, true});
    else if (is_kept(places))
      all.push_back({app, false});
  }
  return all;
}

void look_at_kernel(HostFacts& facts) {
  facts.max_user_namespaces = first_line("/proc/sys/user/max_user_namespaces");
  facts.userns_clone = first_line("/proc/sys/kernel/unprivileged_userns_clone");
  facts.apparmor_userns = first_line("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
  facts.seccomp_actions = first_line("/proc/sys/kernel/seccomp/actions_avail");
  facts.first_free_port = first_line("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  facts.apparmor_label = first_line("/proc/self/attr/apparmor/current");
  facts.apparmor_profile_installed = ::access("/etc/apparmor.d/bulkhead", F_OK) == 0;
  facts.landlock = compartments::landlock_version();
}

void look_at_ids(HostFacts& facts) {
  const auto ids = compartments::look_at_ids();
  facts.subordinate_ids = ids.subordinate;
  facts.id_helpers = ids.helpers;
  facts.own_uids = facts.root || (ids.subordinate && ids.helpers);
}

void look_at_clock(HostFacts& facts) {
  timex state{};
  const int answer = ::adjtimex(&state);
  facts.clock_synchronized = answer >= 0 && answer != TIME_ERROR;
  facts.now = ::time(nullptr);
}

}  // namespace

HostFacts look_at_host() {
  HostFacts facts;
  facts.root = ::geteuid() == 0;
  facts.user = user_name();
  look_at_kernel(facts);
  look_at_ids(facts);
  look_at_clock(facts);
  facts.nft = compartments::nft_program();
  facts.cgroups = compartments::foresee_cgroups().missing;
  facts.linger = compartments::way_to_outlive_sessions();
  facts.may_bind_low_ports = has_capability(CAP_NET_BIND_SERVICE);
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) facts.open_files = files.rlim_max;
  facts.disks = {disk_of(state_base()), disk_of(run_base())};
  facts.leftovers = find_leftovers();
  if (const auto report = compartments::check_host(); !report.can_seal()) facts.sealing = report.fatal.front();
  return facts;
}

}  // namespace bulkhead::control
