#pragma once

#include <string_view>
#include <vector>

#include "manifest/application.hpp"
#include "manifest/mistake.hpp"
#include "manifest/source.hpp"

namespace bulkhead::manifest {

// What `bulkhead check` adds for a manifest without mistakes: a service nobody calls, a cycle of calls, an environment
// value that names a service which `calls` lacks (or a port that it does not have, or localhost without `at`), a secret
// in the environment. `text` is the manifest's text, for the lines shown. No message contains an environment value.
// Ordered by line and column.
std::vector<Mistake> warnings(const Application& application, std::string_view text = {});
std::vector<Mistake> warnings(const Application& application, const std::vector<Source>& sources);  // of its files

}  // namespace bulkhead::manifest
