#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "manifest/application.hpp"
#include "manifest/mistake.hpp"

namespace bulkhead::manifest {

// Letters, digits and '_', no digit first.
bool is_variable_name(std::string_view name);

struct EnvFile {
  std::vector<Variable> variables;
  std::vector<Mistake> mistakes;  // without any value in them
};

// Lines of NAME=value, blank lines and lines that begin with '#'. "export " before a name is skipped. A value in single
// quotes is taken as it is; in double quotes \n, \t, \" and \\ are put in; an unquoted one ends at " #" and loses outer
// blanks. No variables are put in and a value ends with its line.
EnvFile parse_env_file(std::string_view text, const std::string& file);

}  // namespace bulkhead::manifest
