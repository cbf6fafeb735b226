#include "builds/pattern.hpp"

#include <algorithm>

namespace bulkhead::builds {

namespace {

constexpr std::string_view kAnyDepth = "**";

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    if (slash > 0) segments.push_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return segments;
}

// The set that begins at pattern[at], which is '['; nothing where it does not end. `at` is behind it afterwards.
std::optional<bool> in_set(std::string_view pattern, std::size_t& at, char c) {
  std::size_t i = at + 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  bool found = false;
  for (const std::size_t first = i; i < pattern.size(); ++i) {
    if (pattern[i] == ']' && i > first) {
      at = i + 1;
      return found != negated;
    }
    if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
    const char low = pattern[i];
    const bool range = i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']';
    const char high = range ? pattern[i + 2] : low;
    if (range) i += 2;
    found = found || (c >= low && c <= high);
  }
  return std::nullopt;
}

// Whether one thing of the pattern at `at` is `c`; `at` is behind it if so.
bool takes(std::string_view pattern, std::size_t& at, char c) {
  if (at == pattern.size()) return false;
  if (pattern[at] == '?') return ++at, true;
  std::size_t behind = at;
  if (pattern[at] == '[')
    if (const auto within = in_set(pattern, behind, c)) return *within ? (at = behind, true) : false;
  const std::size_t literal = pattern[at] == '\\' && at + 1 < pattern.size() ? at + 1 : at;
  if (pattern[literal] != c) return false;
  at = literal + 1;
  return true;
}

// One segment against one; each `*` that is reached makes the ones before it final, so this is quadratic at most.
bool segment_matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;  // behind the last one
  std::size_t taken = 0;                      // where the text that it stands for ends
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      taken = t;
    } else if (takes(pattern, p, text[t])) {
      ++t;
    } else if (star != std::string_view::npos) {
      p = star;
      t = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

bool is_wild(std::string_view text) { return text.find_first_of("*?[\\") != std::string_view::npos; }

std::optional<Pattern> Pattern::parse(std::string_view line) {
  while (!line.empty() && (line.back() == ' ' || line.back() == '\r') && !line.ends_with("\\ ")) line.remove_suffix(1);
  if (line.empty() || line.front() == '#') return std::nullopt;
  Pattern pattern;
  if (line.front() == '!') {
    pattern.negated_ = true;
    line.remove_prefix(1);
  }
  if (line.ends_with('/')) {
    pattern.only_directories_ = true;
    line.remove_suffix(1);
  }
  const bool anchored = line.find('/') != std::string_view::npos;
  if (!anchored) pattern.segments_.emplace_back(kAnyDepth);
  for (const std::string_view segment : segments_of(line)) {
    const bool repeated = segment == kAnyDepth && !pattern.segments_.empty() && pattern.segments_.back() == kAnyDepth;
    if (segment != "." && !repeated) pattern.segments_.emplace_back(segment);
  }
  if (pattern.segments_.empty() || (!anchored && pattern.segments_.size() < 2 && line != kAnyDepth))
    return std::nullopt;
  return pattern;
}

// Row by row over the pattern's segments: which beginnings of the path they match so far.
bool Pattern::matches(std::string_view path, bool is_directory) const {
  if (only_directories_ && !is_directory) return false;
  if (segments_.size() == 2 && segments_.front() == kAnyDepth && segments_.back() != kAnyDepth)
    return segment_matches(segments_.back(), path.substr(path.rfind('/') + 1));  // most are like this
  const auto parts = segments_of(path);
  std::vector<bool> reached(parts.size() + 1, false);
  reached[0] = true;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const bool last = i + 1 == segments_.size();
    std::vector<bool> next(parts.size() + 1, false);
    if (segments_[i] == kAnyDepth) {
      // At the end it stands for something: `a/**` is what is in `a`, not `a`.
      bool before = false;
      for (std::size_t at = 0; at <= parts.size(); ++at) {
        next[at] = before || (!last && reached[at]);
        before = before || reached[at];
      }
    } else {
      for (std::size_t at = 0; at < parts.size(); ++at)
        next[at + 1] = reached[at] && segment_matches(segments_[i], parts[at]);
    }
    reached = std::move(next);
  }
  return reached[parts.size()];
}

}  // namespace bulkhead::builds
