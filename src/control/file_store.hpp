#pragma once

// Directories as they were at a moment, most of which have most files in common: each file is stored once, as an
// object, and of each directory there is a list of what was where. One that is needed again is laid out with hard links
// to the objects. So nobody may ever write to what is here. Blocking.
//
//   objects/1f   what one file held, with its permission bits, its owner and its time
//   ID.list      a directory
//   trees/ID     the same, laid out

#include <atomic>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"

namespace bulkhead::control {

struct Wanted {
  std::string id;
  std::string from;                  // absolute
  std::int64_t as_of_ns = 0;         // of file_time_ns()
  std::vector<std::string> apart{};  // absolute; of these only that they are there is kept
  std::uint64_t most_files = 100'000;
  std::uint64_t most_bytes = 1ULL << 30U;
};

class FileStore {
 public:
  static constexpr std::size_t kPrefix = 8;  // of ids: all of one directory begin alike

  explicit FileStore(std::string directory) : directory_(std::move(directory)) {}

  // Of any thread. Whether there is a directory of this id.
  bool has(const std::string& id) const;
  // Of one thread. Where it is, laid out; that takes some 10 µs for each file the first time. Cause::invalid where what
  // is stored is not whole.
  Result<std::string> lay_out(const std::string& id) const;

  // What follows is of one thread; it may be another one.
  //
  // Regular files, symbolic links and directories; the contents of a .git are left out. Owners are kept where this
  // process is root. Where it fails there is none of this id. Cause::conflict: something was changed after `as_of_ns`,
  // or services write into all of it. Cause::exhausted: too much, or too little would stay free. Cause::closed:
  // `stopped` became true.
  Result<> take(const Wanted& wanted, const std::atomic<bool>& stopped);
  // Removes all others, and objects that nothing needs.
  void keep_only(const std::set<std::string>& ids, const std::atomic<bool>& stopped);

 private:
  friend class FileTaker;
  // A file that looks like this one holds what that object does: a ctime can't be set by anybody.
  struct Known {
    std::uint64_t inode = 0;
    std::int64_t changed_ns = 0;
    std::uint64_t object = 0;
  };
  using KnownFiles = std::unordered_map<std::uint64_t, Known>;  // by a hash of path and device

  std::string object(std::uint64_t number) const;
  std::string list(const std::string& id) const { return directory_ + "/" + id + ".list"; }
  std::string tree(const std::string& id) const { return directory_ + "/trees/" + id; }
  Result<> open();
  std::map<std::string, std::uint64_t> newest_like(const std::string& prefix) const;

  std::string directory_;
  std::uint64_t next_ = 0;                   // number of an object; 0: not open
  std::map<std::string, KnownFiles> known_;  // by prefix: of the last one that was taken
};

// A name as it may stand in one line of a log: octets that are no text, and control characters, as "?".
std::string printable(std::string_view name);

}  // namespace bulkhead::control
