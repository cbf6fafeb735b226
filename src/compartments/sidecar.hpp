#pragma once

// A sidecar's process, from the keeper's side.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "compartments/spec.hpp"

namespace bulkhead::compartments {

// Forks, changes to the platform's uid if the spec names one, executes with the link as fd 3, nothing else, and the
// given output. It dies with this process. Exec's failure shows as its exit with 127.
Result<pid_t> start_sidecar(const SidecarSpec& spec, const Fd& link, const Fd& output);

// Field 22 of /proc/PID/stat, in clock ticks since boot: what tells a process from a later one with the same pid.
std::uint64_t start_time_of(pid_t pid);

// One that was started, or none. What is said is that of net/instance_link.hpp.
class Sidecar {
 public:
  struct Message {
    std::string type;  // "" for one that can't be read
    std::vector<Fd> rights;
  };

  Sidecar() = default;
  // One that an earlier program of this process started.
  Sidecar(Fd link, pid_t pid) : link_(std::move(link)), pid_(pid), start_time_(start_time_of(pid)) {}

  // Starts one. What it prints is read at the returned end.
  Result<Fd> start(const SidecarSpec& spec);
  // The hello of the spec, with these descriptors by their names.
  Result<> greet(const SidecarSpec& spec, const std::vector<std::string>& names, const std::vector<int>& fds);
  void tell(std::string_view type);
  // The next that it has said; nothing when there is nothing now, or the link has ended: then there is no link any
  // more.
  std::optional<Message> hear();
  void kill();
  // Once it has been waited for.
  void forget() { *this = Sidecar(); }

  int link() const { return link_.get(); }
  bool has_link() const { return static_cast<bool>(link_); }
  bool is_there() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  std::uint64_t start_time() const { return start_time_; }

 private:
  Fd link_;
  pid_t pid_ = -1;
  std::uint64_t start_time_ = 0;
};

}  // namespace bulkhead::compartments
