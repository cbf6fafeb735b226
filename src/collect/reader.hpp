#pragma once

// Reads the store's windows. One thread; each window's file is opened once and kept open while the store has it.

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collect/database.hpp"
#include "collect/store.hpp"

namespace bulkhead::collect {

struct Range {
  std::int64_t from_ms = 0;
  std::int64_t to_ms = 0;
  std::int64_t from_us() const { return from_ms * 1000; }
  std::int64_t to_us() const { return to_ms * 1000 + 999; }
};

class WindowReader {
 public:
  static Result<WindowReader> open(const std::string& path);

  // Compiled once. To be reset() after use.
  Result<Statement*> statement(const std::string& sql);
  // "" for 0 and for a number that nobody gave. Lives as long as this.
  std::string_view name(std::int64_t number);
  // 0: nothing here has it.
  std::int64_t number(std::string_view name);
  bool sealed();
  // Sealed, and by a build that writes them (blocks.hpp).
  bool has_blocks();
  // How many spans sealing has thinned out.
  std::int64_t thinned();

 private:
  Result<> load_names();
  Result<std::int64_t> fact(const char* name);
  Database database_;
  std::map<std::string, Statement> statements_;
  std::deque<std::string> names_{""};  // which stay where they are: name() lends them
  std::map<std::string, std::int64_t, std::less<>> numbers_;
  bool sealed_ = false, blocks_ = false;
};

class Reader {
 public:
  explicit Reader(std::shared_ptr<const Store> store) : store_(std::move(store)) {}

  // Those that may have something of `range`, newest first. A file that can't be read is left out and told.
  std::vector<WindowReader*> windows(Range range, std::vector<std::string>& not_seen);
  std::vector<WindowReader*> all(std::vector<std::string>& not_seen) {
    return windows({0, INT64_MAX / 1000}, not_seen);
  }
  // Since when anything is kept; 0: nothing is.
  std::int64_t oldest_ms() const;

 private:
  std::shared_ptr<const Store> store_;
  std::map<std::string, WindowReader> open_;
};

}  // namespace bulkhead::collect
