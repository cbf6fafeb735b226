#pragma once

// Is the service's command there once the compartment's root is built? Asked before the start, so that the answer is a
// line for the manifest and not an exec error.

#include <string>
#include <vector>

#include "base/result.hpp"
#include "compartments/spec.hpp"

namespace bulkhead::compartments {

struct CommandProblem {
  std::string message;  // "/root/.pyenv/shims/python3 is not visible inside the compartment"
  std::string fix;      // a line for the manifest ("mounts: [/root/.pyenv]") or a command ("chmod o+rx shop/catalog")
};

// Looks the command up (PATH, or relative to /app), follows #! lines to the interpreter, and checks that the service's
// uid may traverse and read what it needs (`directory` too). Empty: nothing stands in the way. `launcher_path` is the
// PATH of whoever runs bulkhead: it only serves to say where the program is that the user probably meant.
std::vector<CommandProblem> check_command(const Compartment& compartment, const std::string& launcher_path);

}  // namespace bulkhead::compartments
