#pragma once

// What a compartment's root holds, decided before anything is mounted: the one description that both the builder
// (root.hpp) and the command check read. Looks at the host's files; changes nothing.

#include <string>
#include <vector>

#include "compartments/spec.hpp"

namespace bulkhead::compartments {

// A file or directory of the host that appears inside. Later ones lie on top of earlier ones.
struct Bind {
  std::string source;  // absolute, on the host
  std::string target;  // absolute, inside
  bool writable = false;
  bool device = false;  // a device node: the mount must not be nodev
};

struct Link {
  std::string path;  // inside
  std::string content;
};

struct GeneratedFile {
  std::string path;  // inside
  std::string content;
};

struct RootPlan {
  std::vector<std::string> directories;  // empty, read-only
  std::vector<Link> links;
  std::vector<GeneratedFile> files;
  std::vector<Bind> binds;
};

RootPlan plan_root(const Compartment& compartment);

}  // namespace bulkhead::compartments
