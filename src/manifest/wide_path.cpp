#include "manifest/wide_path.hpp"

#include <algorithm>

namespace bulkhead::manifest {

namespace {

char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char letter = small(c);
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

// The octet that `%xy` at the front of `text` stands for; -1 where it is none.
int octet_of(std::string_view text) {
  if (text.size() < 3 || text[0] != '%') return -1;
  const int high = digit_of(text[1]);
  const int low = digit_of(text[2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool is_structure(int octet) { return octet < 0x20 || octet == 0x7f || octet == '/' || octet == '\\' || octet == '.'; }

// Decodes once, in place. -1 where that reveals structure, else how much was decoded.
int decode(std::string& text) {
  int decoded = 0;
  std::size_t end = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int octet = octet_of(std::string_view(text).substr(i));
    if (octet >= 0 && is_structure(octet)) return -1;
    text[end++] = octet < 0 ? text[i] : small(static_cast<char>(octet));
    if (octet < 0) continue;
    i += 2;
    ++decoded;
  }
  text.resize(end);
  return decoded;
}

}  // namespace

bool widen_path(std::string_view path, std::string& wide) {
  wide.assign(path);
  std::ranges::transform(wide, wide.begin(), small);
  if (!is_plain_path(path)) return false;
  while (true) {
    const int decoded = decode(wide);
    if (decoded <= 0) return decoded == 0;
  }
}

Result<PathPattern> widen_pattern(const PathPattern& pattern) {
  std::string wide;
  const bool plain = widen_path(pattern.text(), wide);
  const auto stars = [](std::string_view text) { return std::ranges::count(text, '*'); };
  if (!plain || stars(wide) != stars(pattern.text()))
    return fail(Cause::invalid, "its percent-encoded octets have no place in a deny rule: write '*' for that segment");
  if (wide.size() > 1 && wide.ends_with('/')) wide.pop_back();
  return PathPattern::parse(wide);
}

bool matches_wide(const PathPattern& pattern, std::string_view wide) noexcept {
  if (pattern.matches_plain(wide)) return true;
  return wide.size() > 1 && wide.ends_with('/') && pattern.matches_plain(wide.substr(0, wide.size() - 1));
}

}  // namespace bulkhead::manifest
