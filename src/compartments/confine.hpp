#pragma once

// What a platform process (sidecar, gateway) takes from itself once it has what it needs: another process of the same
// user can't read its memory, and code that took it over can't execute, trace, mount, or touch files that it doesn't
// need.

#include <string>
#include <vector>

#include "base/result.hpp"
#include "compartments/cgroup.hpp"

namespace bulkhead::compartments {

struct Confinement {
  std::vector<std::string> read_write;  // files or directories (with all below); sockets are made and connected here
  std::vector<std::string> read_only;   // e.g. /etc/ssl, /etc/resolv.conf, /usr/lib (for dlopen)
};

// The version of Landlock that this kernel has; 0: none, or switched off.
int landlock_version();

// Irrevocable; for the whole process if called before it starts threads. Non-dumpable, no core, no_new_privs, Landlock,
// seccomp (no execve, ptrace, process_vm_*, kill of others, mount, namespaces, bpf, io_uring, keyctl …). Returns what
// the kernel doesn't offer; a Fault means that something that it does offer failed, and the process must not go on.
Result<std::vector<NotEnforced>> confine_platform_process(const Confinement& confinement);

}  // namespace bulkhead::compartments
