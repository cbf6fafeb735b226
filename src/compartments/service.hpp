#pragma once

// Starts a process as the service, inside its compartment. For the namespace's init only.

#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "compartments/spec.hpp"

namespace bulkhead::compartments {

// What a program reads and writes. Each is absent or its own: the program gets it for good. Without `input` it reads
// /dev/null.
struct Streams {
  Fd input, output, errors;
  bool terminal = false;  // `input` is one: it becomes the controlling terminal
};

// What is run: the service, or what an operator runs in its place or beside it.
struct Program {
  const std::vector<std::string>& command;
  std::map<std::string, std::string> variables;  // over the compartment's environment
  const Streams& streams;
};

// Forks, moves into the cgroups, becomes the service, loads the filter, executes. Returns when exec succeeded; a
// failure before or of it is reported here, and the child is gone.
Result<pid_t> start_program(const Compartment& compartment, const Program& program,
                            const std::vector<Fd>& cgroup_procs);

}  // namespace bulkhead::compartments
