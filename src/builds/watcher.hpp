#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace bulkhead::builds {

// Hears of files that are written, made, renamed or removed (inotify). Directories are told one by one and not entered:
// FileReader::on_directory does that, and does it again for what is new.
class Watcher {
 public:
  using Millis = std::chrono::milliseconds;
  static constexpr Millis kQuiet{25};     // after the last event of a burst
  static constexpr Millis kLongest{250};  // of a burst that does not end

  static Result<Watcher> open();

  // Everything in a directory; one that is watched already stays so. Cause::exhausted where the host watches no more.
  Result<> watch_directory(const std::string& directory) { return watch(directory, true); }
  // One file by its name, whether it is there or not.
  Result<> watch_file(const std::string& path);

  struct Seen {
    std::set<std::string> paths;
    bool lost = false;  // there was more than could be told: anything may have changed
    bool any() const { return lost || !paths.empty(); }
    std::chrono::steady_clock::time_point since;  // the first of them
  };
  // Waits until something happens, and then for the end of the burst; nothing within `patience` gives nothing.
  Seen wait(Millis patience);
  bool has_news() const { return is_readable(Millis(0)); }

 private:
  struct Directory {
    std::string path;
    bool whole = false;  // all of its entries, else only `names`
    std::set<std::string> names;
  };
  explicit Watcher(Fd inotify) : inotify_(std::move(inotify)) {}
  Result<> watch(const std::string& directory, bool whole);
  bool is_readable(Millis patience) const;
  void read_events(Seen& seen);

  Fd inotify_;
  std::map<int, Directory> directories_;  // by watch descriptor
  std::map<std::string, int> known_;
};

}  // namespace bulkhead::builds
