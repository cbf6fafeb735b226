#pragma once

// What Bulkhead needs of a host and what this one has. Two halves: look_at_host() collects facts and decides nothing,
// judge() decides and touches nothing.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/not_enforced.hpp"

namespace bulkhead::control {

struct Finding {
  enum class State : std::uint8_t {
    good,
    limited,  // services run; something is not enforced, or will not be possible
    unknown,  // can not be told before something else is mended
    missing,  // no service can be sealed, or none can be started
  };
  int number = 0;    // docs/doctor.md has a section for each
  std::string what;  // its heading there
  State state = State::good;
  std::string found;  // in one sentence
  std::string fix;    // a command or an advice; "" where it is good
};
std::string to_string(Finding::State state);

// A directory of ours, or the nearest one above it that is there.
struct Disk {
  std::string path;      // where our files will be
  std::string existing;  // what was asked
  bool writable = false;
  std::uint64_t free_bytes = 0;
  std::uint64_t free_files = 0;  // UINT64_MAX where the file system does not count them
  bool operator==(const Disk&) const = default;
};

// An application that left files, and that no controller answers for.
struct Leftover {
  std::string app;
  bool runs = false;  // instances of it may be running: there is a list of them
  bool operator==(const Leftover&) const = default;
};

struct HostFacts {
  bool root = false;
  std::string user;
  // Settings as /proc/sys shows them; "" where this kernel does not have them.
  std::string max_user_namespaces;
  std::string userns_clone;     // Debian's and others' switch for ordinary users
  std::string apparmor_userns;  // AppArmor's restriction of user namespaces
  std::string seccomp_actions;
  std::string first_free_port;  // the first port that an ordinary user may listen on
  std::string apparmor_label;   // what AppArmor calls this process
  bool apparmor_profile_installed = false;
  std::optional<NotEnforced> sealing;  // why a whole compartment could not be built
  bool own_uids = false;               // each service gets an id of its own
  bool subordinate_ids = false;        // of this user, in /etc/subuid and /etc/subgid
  bool id_helpers = false;             // newuidmap, newgidmap
  std::string nft;                     // where it is
  int landlock = 0;                    // version
  std::vector<NotEnforced> cgroups;    // what of the limits can not be enforced
  std::optional<std::string> linger;   // the command that lets what this user starts outlive the session
  bool may_bind_low_ports = false;     // by a capability
  std::uint64_t open_files = 0;        // hard limit of a process
  bool clock_synchronized = false;
  std::int64_t now = 0;  // unix time
  std::vector<Disk> disks;
  std::vector<Leftover> leftovers;
};

// Tries what can be tried; takes some ten milliseconds, makes and leaves nothing. For a process with one thread.
HostFacts look_at_host();

// Every check in the order of its number.
std::vector<Finding> judge(const HostFacts& facts);

// Whether services can run here.
bool can_run(const std::vector<Finding>& findings);

// "docs/doctor.md#2-user-namespaces"
std::string document_of(const Finding& finding);

}  // namespace bulkhead::control
