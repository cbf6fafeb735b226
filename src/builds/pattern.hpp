#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::builds {

// One line of a .gitignore (gitignore(5)): `*` and `?` stay within a segment, `**` spans segments, `[a-z]` and `\` are
// as in a shell. A pattern with a slash at its front or inside counts from the directory that it is written in, any
// other matches at every depth below.
class Pattern {
 public:
  // Nothing for a line that is empty or a comment.
  static std::optional<Pattern> parse(std::string_view line);

  // `path` is relative to the directory that the pattern is written in, without a slash at either end.
  bool matches(std::string_view path, bool is_directory) const;
  bool excludes() const { return !negated_; }  // `!` takes back in what an earlier pattern left out

 private:
  std::vector<std::string> segments_;
  bool negated_ = false;
  bool only_directories_ = false;
};

// Whether a text has anything in it that is not itself: `*`, `?`, `[`, `\`.
bool is_wild(std::string_view text);

}  // namespace bulkhead::builds
