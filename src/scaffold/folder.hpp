#pragma once

// The files that are looked at, as values: what decides sees no disk.

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace bulkhead::scaffold {

struct File {
  std::string text;  // "" where it was not read: too large, no text, of no interest
  bool is_read = false;
  bool is_executable = false;
  bool is_program = false;  // compiled, for this system's loader (ELF)
};

// Paths are relative to the folder, without "." and "..": "web/app.py"; "" is the folder itself.
class Folder {
 public:
  std::string name;  // of the folder itself
  std::map<std::string, File, std::less<>> files;
  std::set<std::string, std::less<>> directories{""};
  std::vector<std::string> not_seen;  // what a bound cut off, for the person

  const File* find(std::string_view path) const;
  // The text of a file, "" where there is none.
  std::string_view text(std::string_view path) const;
  bool has(std::string_view path) const;  // file or directory
  // The files right in a directory, by their names there.
  std::vector<std::string> in(std::string_view directory) const;
  // All files below a directory, as paths of the folder.
  std::vector<std::string> below(std::string_view directory) const;
  std::vector<std::string> directories_in(std::string_view directory) const;

  // For tests and fuzzing, too: adds a file that was read, and the directories that lead to it.
  void add(const std::string& path, File file);
};

// What this host has, by absolute paths; a test says what it likes.
struct Host {
  std::function<bool(std::string_view path)> exists = [](std::string_view) { return true; };
};

struct FolderBounds {
  std::size_t depth = 6;
  std::size_t entries = 20'000;
  std::size_t file_bytes = 256U << 10U;
  std::size_t all_bytes = 16U << 20U;
};

// Reads a folder from the disk. Symbolic links are not followed, but to files inside of the folder; what others made
// (node_modules, .git, virtual environments, target, dist, build) is listed at most.
Result<Folder> read_folder(const std::string& path, const FolderBounds& bounds = {});

Host this_host();

}  // namespace bulkhead::scaffold
