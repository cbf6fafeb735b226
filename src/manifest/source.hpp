#pragma once

#include <string>

namespace bulkhead::manifest {

// One file of a manifest.
struct Source {
  std::string file;       // what positions call it; two with one name are one file
  std::string directory;  // its relative paths count from here; itself counts from the first file's, "" is the same
  std::string text;
  bool operator==(const Source&) const = default;
};

}  // namespace bulkhead::manifest
