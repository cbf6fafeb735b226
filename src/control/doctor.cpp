#include "control/doctor.hpp"

#include <algorithm>
#include <charconv>

#include "base/result.hpp"

namespace bulkhead::control {
namespace {

using State = Finding::State;

constexpr std::uint64_t kMiB = 1U << 20U;
constexpr std::uint64_t kFullBelow = 64 * kMiB;     // certificates, state and logs no longer fit
constexpr std::uint64_t kTightBelow = 1024 * kMiB;  // logs and records of a larger application may fill it
constexpr std::uint64_t kFewFiles = 1000;
constexpr std::uint64_t kEnoughOpenFiles = 4096;
constexpr std::int64_t kBeforeThis = 1'704'067'200;  // 2024: a clock that shows less was never set
constexpr int kHttpPort = 80;

Finding good(std::string found) { return {0, "", State::good, std::move(found), ""}; }
Finding limited(std::string found, std::string fix) {
  return {0, "", State::limited, std::move(found), std::move(fix)};
}
Finding missing(std::string found, std::string fix) {
  return {0, "", State::missing, std::move(found), std::move(fix)};
}
Finding unknown(std::string found) { return {0, "", State::unknown, std::move(found), "mend number 1 first"}; }

std::string listed(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

bool has_word(std::string_view text, std::string_view word) {
  for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || text[at - 1] == ' ') && (end == text.size() || text[end] == ' ')) return true;
  }
  return false;
}

Finding compartments(const HostFacts& facts) {
  if (!facts.sealing) return good("a whole compartment was built and thrown away");
  return missing("no compartment can be built: " + facts.sealing->reason, facts.sealing->fix);
}

Finding user_namespaces(const HostFacts& facts) {
  if (facts.max_user_namespaces.empty())
    return missing("this kernel has no user namespaces", "run a kernel with CONFIG_USER_NS, as Debian's is");
  if (facts.max_user_namespaces == "0")
    return missing("this host allows no user namespaces", "sudo sysctl -w user.max_user_namespaces=15000");
  if (!facts.root && facts.userns_clone == "0")
    return missing("this kernel forbids user namespaces to ordinary users",
                   "sudo sysctl -w kernel.unprivileged_userns_clone=1");
  return good(fmt::format("up to {} of them", facts.max_user_namespaces));
}

Finding apparmor(const HostFacts& facts) {
  if (facts.apparmor_userns != "1") return good("it does not restrict user namespaces here");
  if (facts.root) return good("it restricts user namespaces of ordinary users, and this is root");
  if (!facts.sealing) return good(fmt::format("a profile lets this program have them ({})", facts.apparmor_label));
  return missing(
      fmt::format("it takes the rights from user namespaces, and no profile lets this program have them ({})",
                  facts.apparmor_label.empty() ? "it has no label" : facts.apparmor_label),
      facts.apparmor_profile_installed ? "sudo apparmor_parser -r /etc/apparmor.d/bulkhead, and run /usr/bin/bulkhead"
                                       : "install Bulkhead's package, which has a profile, or: sudo sysctl -w "
                                         "kernel.apparmor_restrict_unprivileged_userns=0");
}

Finding packet_filter(const HostFacts& facts) {
  if (facts.nft.empty()) return missing("nft is not installed", "sudo apt install nftables");
  if (!facts.sealing) return good(facts.nft + ", and this kernel filters as needed");
  if (facts.sealing->reason.find("packet ") != std::string::npos) {
    return missing("this kernel can't filter as needed", facts.sealing->fix);
  }
  return unknown(facts.nft + " is there; whether this kernel filters as needed was not reached");
}

Finding system_calls(const HostFacts& facts) {
  for (const char* action : {"errno", "kill_process", "allow"}) {
    if (!has_word(facts.seccomp_actions, action))
      return missing("this kernel can't filter system calls",
                     "run a kernel with CONFIG_SECCOMP_FILTER, as Debian's is");
  }
  return good("filters with what is needed");
}

Finding landlock(const HostFacts& facts) {
  if (facts.landlock > 0) return good(fmt::format("version {}", facts.landlock));
  return limited("not there: which files sidecars and gateway may touch is not enforced",
                 "boot with lsm=landlock in front of the list of security modules");
}

Finding own_uids(const HostFacts& facts) {
  if (facts.own_uids)
    return good(facts.root ? "each service gets one" : "each service gets one of this user's subordinate ids");
  std::vector<std::string> fixes;
  if (!facts.id_helpers) fixes.emplace_back("sudo apt install uidmap");
  if (!facts.subordinate_ids)
    fixes.push_back(fmt::format("sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {}", facts.user));
  return limited(
      fmt::format("services run as {}, and share that uid: {}", facts.user,
                  facts.id_helpers ? "this user has no subordinate ids" : "newuidmap and newgidmap are missing"),
      fmt::format("{}", fmt::join(fixes, " && ")));
}

Finding control_groups(const HostFacts& facts) {
  if (facts.cgroups.empty()) return good("limits of memory, CPU and processes are enforced");
  std::vector<std::string> limits;
  for (const NotEnforced& each : facts.cgroups) limits.push_back(each.what);
  return limited(fmt::format("not enforced: {}; {}", listed(limits), facts.cgroups.front().reason),
                 facts.cgroups.front().fix);
}

Finding sessions(const HostFacts& facts) {
  if (!facts.linger) return good("what is started detached outlives the session");
  return limited("what this user starts ends with the last session", *facts.linger);
}

Finding disk(const HostFacts& facts) {
  std::vector<std::string> places;
  for (const Disk& each : facts.disks) {
    if (!each.writable)
      return missing(fmt::format("{} can not be written by {}", each.existing, facts.user),
                     fmt::format("mend the rights of {}, or set BULKHEAD_DIR to another place", each.existing));
    const std::string left = fmt::format("{} MiB left for {}", each.free_bytes / kMiB, each.path);
    if (each.free_bytes < kFullBelow || each.free_files == 0)
      return missing(left + (each.free_files == 0 ? ", and no inode" : ""),
                     fmt::format("make room on the file system of {}", each.existing));
    if (each.free_bytes < kTightBelow || each.free_files < kFewFiles)
      return limited(left + (each.free_files < kFewFiles ? fmt::format(", and {} inodes", each.free_files) : ""),
                     fmt::format("make room on the file system of {}: logs and records need it", each.existing));
    places.push_back(left);
  }
  return good(listed(places));
}

Finding clock_(const HostFacts& facts) {
  if (facts.now < kBeforeThis)
    return missing("it was never set: certificates would end before they begin", "sudo timedatectl set-ntp true");
  if (facts.clock_synchronized) return good("synchronized");
  return limited("nothing keeps it right: certificates hold an hour, and other hosts may not believe them",
                 "sudo apt install systemd-timesyncd && sudo timedatectl set-ntp true");
}

Finding open_files(const HostFacts& facts) {
  if (facts.open_files >= kEnoughOpenFiles) return good(fmt::format("{} for each process", facts.open_files));
  return limited(fmt::format("{} for each process: a gateway's connections and a controller's instances end there",
                             facts.open_files),
                 fmt::format("add '{} hard nofile 65536' to /etc/security/limits.conf and log in again", facts.user));
}

Finding low_ports(const HostFacts& facts) {
  int first = 1024;
  std::from_chars(facts.first_free_port.data(), facts.first_free_port.data() + facts.first_free_port.size(), first);
  if (facts.may_bind_low_ports || first <= kHttpPort) return good("a gateway may listen on 80 and 443");
  return limited(fmt::format("a gateway of {} may not listen below {}", facts.user, first),
                 "sudo sysctl -w net.ipv4.ip_unprivileged_port_start=80");
}

Finding leftovers(const HostFacts& facts) {
  std::vector<std::string> running;
  std::vector<std::string> kept;
  for (const Leftover& each : facts.leftovers) (each.runs ? running : kept).push_back(each.app);
  if (!running.empty())
    return limited(fmt::format("nobody controls {}: controller and warden were killed", listed(running)),
                   fmt::format("bulkhead suspend {0} && bulkhead resume {0}", running.front()));
  if (!kept.empty()) return good(fmt::format("kept, and not up: {}; bulkhead resume brings back", listed(kept)));
  return good("none");
}

struct Check {
  const char* what;
  Finding (*judge)(const HostFacts&);
};

constexpr Check kChecks[] = {
    {"compartments", compartments},
    {"user namespaces", user_namespaces},
    {"AppArmor", apparmor},
    {"packet filter", packet_filter},
    {"system call filter", system_calls},
    {"Landlock", landlock},
    {"ids of services", own_uids},
    {"control groups", control_groups},
    {"sessions", sessions},
    {"disk", disk},
    {"clock", clock_},
    {"open files", open_files},
    {"ports below 1024", low_ports},
    {"leftovers", leftovers},
};

}  // namespace

std::string to_string(Finding::State state) {
  switch (state) {
    case State::good: return "good";
    case State::limited: return "limited";
    case State::unknown: return "unknown";
    case State::missing: return "missing";
  }
  return {};
}

std::vector<Finding> judge(const HostFacts& facts) {
  std::vector<Finding> all;
  for (const Check& check : kChecks) {
    Finding finding = check.judge(facts);
    finding.number = static_cast<int>(all.size()) + 1;
    finding.what = check.what;
    all.push_back(std::move(finding));
  }
  return all;
}

bool can_run(const std::vector<Finding>& findings) {
  return std::ranges::none_of(findings, [](const Finding& each) { return each.state == State::missing; });
}

std::string document_of(const Finding& finding) {
  std::string heading = fmt::format("{}-{}", finding.number, finding.what);
  std::ranges::transform(heading, heading.begin(), [](char c) {
    if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
    return c == ' ' ? '-' : c;
  });
  return "docs/doctor.md#" + heading;
}

}  // namespace bulkhead::control
