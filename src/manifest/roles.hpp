#pragma once

// Roles: conditions that have a name, which others ask for as `role.NAME`. They are put in where they are asked for, so
// that whoever decides knows nothing of roles.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "conditions/mistake.hpp"

namespace bulkhead::manifest {

using Roles = std::map<std::string, std::string, std::less<>>;  // by name, what each says

struct Expanded {
  std::string text;
  struct Piece {
    std::size_t begin = 0;  // of `text`
    std::size_t end = 0;
    std::size_t origin = 0;  // of the source, what it was put in for
    std::size_t origin_end = 0;
  };
  std::vector<Piece> pieces;  // in order

  // Where in the source what is at `offset` of the text was written.
  std::size_t origin(std::size_t offset) const;
};

// `source` with each `role.NAME` replaced by "(what that says)". Refuses what is no expression's text, and the name of
// no role.
conditions::Checked<Expanded> expand_roles(std::string_view source, const Roles& roles);

bool is_role_name(std::string_view text);  // lower-case letters, digits and '_', a letter first, at most 63

}  // namespace bulkhead::manifest
