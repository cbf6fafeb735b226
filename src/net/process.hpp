#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "net/loop.hpp"
#include "net/task.hpp"

namespace bulkhead::net {

// What to start. Nothing is inherited that is not named here: every other descriptor is closed at exec, signal masks
// and handlers are reset.
struct ProcessSpec {
  std::vector<std::string> argv;         // argv[0] is looked up in PATH of this process unless it has a slash
  std::vector<std::string> environment;  // "NAME=value"; the whole of it
  struct Inherited {
    int fd;      // of this process
    int number;  // in the child
  };
  std::vector<Inherited> fds;  // 0, 1 and 2 are /dev/null unless named
  std::string directory;       // where it starts; empty: here
  bool new_session = false;    // setsid: its own session and process group
};

// This process's, as a spec has it.
std::vector<std::string> own_environment();

// A started child. Dropping it does not end the process.
struct Process {
  pid_t pid = -1;
  Fd pidfd;
};

// Starts a child and returns when exec succeeded; a failure of exec (no such program) is reported here. Blocks for as
// long as fork and exec take.
Result<Process> start_process(const ProcessSpec& spec);

struct ExitStatus {
  bool known = true;  // false for a process that is not our child: it is gone, more nobody tells us
  int code = 0;       // exit code, if `signal` is 0
  int signal = 0;     // what killed it
  bool success() const { return known && code == 0 && signal == 0; }
  std::string text() const;  // "exited with 1", "killed by SIGKILL", "gone"
};

// A pidfd of any process; Cause::not_found when there is none.
Result<Fd> open_pidfd(pid_t pid);
// Until the process ends; reaps it if it is our child. Not two at once for one child. `pidfd` is borrowed.
Task<Result<ExitStatus>> wait_exit(Loop& loop, const Fd& pidfd, Deadline deadline);
// Sends `signal`; a process that is already gone is no fault.
Result<> send_signal(const Fd& pidfd, int signal);

// What tells a process from a later one with the same pid.
struct ProcessIdentity {
  pid_t pid = -1;
  std::uint64_t start_time = 0;  // clock ticks since boot, field 22 of /proc/PID/stat
  std::string boot_id;
  friend bool operator==(const ProcessIdentity&, const ProcessIdentity&) = default;
};
Result<ProcessIdentity> identify_process(pid_t pid);
Result<std::string> boot_id();

}  // namespace bulkhead::net
