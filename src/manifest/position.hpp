#pragma once

#include <string>

namespace bulkhead::manifest {

// Where something is written. Lines and columns count from 1 (columns in characters); 0 means that it is written
// nowhere.
struct Position {
  std::string file;
  int line = 0;
  int column = 0;
  bool operator==(const Position&) const = default;
};

// "bulkhead.yaml:12:7", or "bulkhead.yaml" where the line is 0.
std::string to_string(const Position& position);

}  // namespace bulkhead::manifest
