#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builds/pattern.hpp"

namespace bulkhead::builds {

// Which files of a tree do not count: rules in the order in which they were added, of which the last one that matches
// decides, as with the .gitignore files of a repository. Paths are absolute; a rule concerns what is below its
// directory. Whoever walks the tree does not enter what is left out. Pure.
class Ignore {
 public:
  // The lines of a .gitignore that lies in `directory`.
  void add(const std::string& directory, std::string_view lines);
  // What nobody's program is made of, wherever it lies: a repository's own files, fetched packages, caches, and what
  // editors leave for a moment.
  void add_usual(const std::string& directory);

  // Nothing where no rule concerns the path.
  std::optional<bool> leaves_out(std::string_view path, bool is_directory) const;

 private:
  struct Rule {
    std::string directory;
    Pattern pattern;
  };
  std::vector<Rule> rules_;
};

// Whether `path` is `directory` or lies below it.
bool is_below(std::string_view path, std::string_view directory);
// What follows `directory` in a path below it.
std::string_view relative_to(std::string_view directory, std::string_view path);

}  // namespace bulkhead::builds
