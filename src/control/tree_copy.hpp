#pragma once

// Copies of a directory as it was at a moment. They share what they can: a file that did not change since the copy
// before is the same file (a hard link), another one shares its blocks with its original where the file system has
// reflinks. So a copy is never written to. Blocking.

#include <atomic>
#include <cstdint>
#include <ctime>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"

namespace bulkhead::control {

// Which files went into the last copy of a directory, so that those that are the same need not be read again.
struct TreeFile {
  std::uint64_t inode = 0;
  std::int64_t changed_ns = 0;  // its ctime, which nobody can set
};
using TreeFiles = std::unordered_map<std::uint64_t, TreeFile>;  // by a hash of its path and device

struct TreeCopy {
  std::string from;                  // absolute
  std::string to;                    // is not there, its parent is
  std::string before{};              // the last copy of `from`; "" if there is none
  std::timespec as_of{};             // of the coarse real-time clock, as file times are
  std::vector<std::string> apart{};  // absolute; of these only that they are there is copied
  std::uint64_t most_files = 100'000;
  std::uint64_t most_bytes = 1ULL << 30U;
};

// Regular files, symbolic links and directories; the contents of a .git are left out. Owners are kept where this
// process is root, permission bits and times of files always. `known` is of the last copy and becomes that of this one.
// Where it fails nothing is left at `to`. Cause::conflict: something was changed after `as_of`. Cause::exhausted: too
// much, or too little would stay free. Cause::closed: `stopped` became true.
Result<> copy_tree(const TreeCopy& copy, TreeFiles& known, const std::atomic<bool>& stopped);

std::timespec file_time_now();

}  // namespace bulkhead::control
