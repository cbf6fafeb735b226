#pragma once

#include <string>

#include "scaffold/plan.hpp"

namespace bulkhead::scaffold {

// The manifest's text. Gives each edit the line it is about.
std::string write(Plan& plan);

// One YAML scalar that the manifest reads as `value`, on one line.
std::string yaml_scalar(std::string_view value);

}  // namespace bulkhead::scaffold
