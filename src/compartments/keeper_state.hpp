#pragma once

// What a keeper hands to itself when it becomes another build of the program (execve keeps its pid, its children and
// the descriptors named here): everything that can't be asked for again. Only while its service runs.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/not_enforced.hpp"
#include "base/result.hpp"
#include "compartments/output.hpp"
#include "compartments/spec.hpp"

namespace bulkhead::compartments {

// Which keepers can take over from each other, and speak with each other's init: another number with each change of
// KeeperState or InitMessage that the other side would not understand.
inline constexpr int kKeeperProtocol = 2;

struct KeeperState {
  struct Socket {
    std::string name;
    int fd = -1;
    bool operator==(const Socket&) const = default;
  };
  struct Stream {
    int fd = -1;       // -1: ended
    std::string rest;  // what it wrote of a line that has not ended
    bool operator==(const Stream&) const = default;
  };
  Spec spec;  // as it is now: doors and the sidecar's program
  int init = -1;
  pid_t init_pid = -1;     // none for a gateway
  std::string init_build;  // "": not known, and it is not to be asked to become another
  pid_t service_pid = -1;
  int sidecar = -1;
  pid_t sidecar_pid = -1;
  std::vector<Socket> sockets;
  std::array<Stream, Output::kSources> output;
  bool writes_to_second = false;
  std::vector<NotEnforced> not_enforced;
  bool operator==(const KeeperState&) const = default;

  std::vector<int> descriptors() const;  // all that are named
};

// Cause::invalid for what is not a state of kKeeperProtocol.
Result<KeeperState> parse_keeper_state(std::string_view json);
std::string to_json(const KeeperState& state);

}  // namespace bulkhead::compartments
