#pragma once

// What process 1 of a compartment hands to itself when it becomes another build of the program (execveat keeps its pid,
// its children and the descriptors named here): everything that can't be asked for again. Only while its service runs.

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.hpp"

namespace bulkhead::compartments {

struct InitState {
  int spec = -1;    // memory with the keeper's Spec as it is now
  int keeper = -1;  // init's end of the pair
  pid_t service = -1;
  std::vector<int> cgroup_procs;
  std::array<int, 2> desks{-1, -1};  // of the sidecar, and of one that follows it
  int secrets = -1;                  // their directory; none where there are none
  unsigned secrets_version = 0;
  bool operator==(const InitState&) const = default;

  std::vector<int> descriptors() const;  // all that are named
};

// Cause::invalid for what is not a state of kKeeperProtocol.
Result<InitState> parse_init_state(std::string_view json);
std::string to_json(const InitState& state);

}  // namespace bulkhead::compartments
