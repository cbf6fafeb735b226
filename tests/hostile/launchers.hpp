#pragma once

// Who runs the keeper in a test: root where the test is root, an ordinary user with subordinate ids, and one without.

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "compartments/spec.hpp"

namespace bulkhead::hostile {

struct Launcher {
  std::string name;  // for test names: "Root", "User", "SingleId"
  compartments::IdMapping mapping;
  // Changes to this user before the keeper starts; none: the test's own.
  std::optional<std::pair<uid_t, gid_t>> user;
};

std::vector<std::string> launcher_names();

// None where this host can't play the part; `why` then says so. As root it uses the user "bulkhead-test" and makes it
// when it isn't there.
std::optional<Launcher> find_launcher(const std::string& name, std::string& why);

// Removes "bulkhead-test" again.
int remove_test_user();

}  // namespace bulkhead::hostile
