#include "base/nearest.hpp"

#include <algorithm>

namespace bulkhead {

namespace {

constexpr std::size_t kLongest = 64;

std::string folded(std::string_view word) {
  std::string text;
  for (char c : word) {
    if (c != '-' && c != '_') text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return text;
}

// Edits from `a` to `b` (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> table(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) table[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) table[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t change = table[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      table[i][j] = std::min({table[i - 1][j] + 1, table[i][j - 1] + 1, change});
      bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) table[i][j] = std::min(table[i][j], table[i - 2][j - 2] + 1);
    }
  }
  return table[a.size()][b.size()];
}

template <class Text>
std::string find_nearest(std::string_view word, std::span<const Text> candidates) {
  if (word.size() > kLongest) return "";
  std::string wanted = folded(word);
  std::size_t best = std::max<std::size_t>(1, wanted.size() / 3) + 1;
  std::string found;
  for (const Text& candidate : candidates) {
    if (candidate.size() > kLongest || candidate == word) continue;
    std::size_t edits = distance(wanted, folded(candidate));
    if (edits < best && edits < candidate.size()) {
      best = edits;
      found = candidate;
    }
  }
  return found;
}

}  // namespace

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
  return find_nearest(word, candidates);
}

std::string nearest(std::string_view word, std::span<const std::string_view> candidates) {
  return find_nearest(word, candidates);
}

}  // namespace bulkhead
