#pragma once

#include <string>
#include <vector>

#include "manifest/source.hpp"
#include "manifest/tree.hpp"

namespace bulkhead::manifest {

// A merged manifest as YAML, in which a comment behind each value says where it is written: "bulkhead.yaml:12". Read
// again where the first of `sources` is, it is the same application. Variables stay as they are written; keys that
// begin with x- are left out, as what they held stands where it was used.
std::string print(const Node& merged, const std::vector<Source>& sources);

// "bulkhead.yaml:12"
std::string origin(Mark mark, const std::vector<Source>& sources);

// Whether the key belongs to what print() shows at the top of a manifest.
bool is_shown(std::string_view key);

// A text as one YAML scalar: plain where every reader of YAML takes it for what the text says, quoted otherwise.
std::string yaml_scalar(std::string_view text);

}  // namespace bulkhead::manifest
