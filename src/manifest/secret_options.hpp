#pragma once

// Options of a command line, and what their names say of their values. Internal to this folder.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::manifest {

struct CommandOption {
  std::string name;       // as it is written: "--password", "-Ddb.password", "PGPASSWORD"
  std::size_t item = 0;   // which text its value stands in
  std::size_t begin = 0;  // and where there, its quotes left out
  std::size_t end = 0;
};

// --name=value, --name value and NAME=value among the texts of a command, also inside of those that are lines of a
// shell themselves.
std::vector<CommandOption> options_of(const std::vector<std::string>& texts);

// Whether the option's name says that this value of it is a secret: a path, a switch and ${NAME} are none.
bool is_secret_option(std::string_view name, std::string_view value);

}  // namespace bulkhead::manifest
