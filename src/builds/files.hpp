#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <sys/stat.h>

#include "base/result.hpp"
#include "builds/ignore.hpp"

namespace bulkhead::builds {

// Absolute path -> a hash of what the file holds, and of whether it may be executed.
using Files = std::map<std::string, std::string>;

// Which files count.
struct Scope {
  std::string dir;                   // absolute
  std::vector<std::string> inputs;   // paths and patterns that count from `dir`; none: everything below it
  std::vector<std::string> ignore;   // the lines of a .gitignore in `dir`; they overrule all others
  std::string below{};               // without inputs, where everything counts; "" is `dir`
  std::vector<std::string> apart{};  // directories below it that do not count
  bool operator==(const Scope&) const = default;
};

// Reads what files hold, and remembers it for as long as they look the same, so that reading again costs a stat each.
class FileReader {
 public:
  static constexpr std::size_t kMostFiles = 200'000;

  // `apart` are files and directories that never count.
  explicit FileReader(std::vector<std::string> apart) : apart_(std::move(apart)) {}

  // Hears of each directory before it is listed, so that whoever watches it misses nothing.
  void on_directory(std::function<void(const std::string&)> entering) { entering_ = std::move(entering); }
  void set_apart(std::vector<std::string> apart) { apart_ = std::move(apart); }

  // Cause::exhausted where more than kMostFiles count. A file that can not be read counts as one that holds nothing.
  Result<Files> read(const Scope& scope);
  // "" where there is no such file.
  std::string read_one(const std::string& path);

 private:
  struct Walk;
  struct Known {
    struct stat info;
    std::string hash;
  };
  Result<> walk(Walk& walk, const std::string& directory, bool wanted);
  Result<> take(Walk& walk, const std::string& path, bool wanted);
  std::string hash_of(const std::string& path, const struct stat& info);

  std::vector<std::string> apart_;
  std::function<void(const std::string&)> entering_;
  std::map<std::string, Known> known_;
};

std::string hash_of(std::string_view text);
std::string hash_of(const Files& files);

// The absolute, normal path of what stands as `path` in a manifest of `directory`.
std::string placed(const std::string& directory, const std::string& path);

}  // namespace bulkhead::builds
