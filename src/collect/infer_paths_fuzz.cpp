// Patterns of a stranger's paths: their numbers stay within the bound, and the same path again has the same number.

#include <algorithm>
#include <cstdlib>

#include "collect/infer_paths.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bulkhead::collect::PathPatterns patterns({.patterns = 32, .words = 4, .segments = 4});
  std::string_view text(reinterpret_cast<const char*>(data), size);
  while (!text.empty()) {
    std::string_view path = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), path.size() + 1));
    patterns.number("GET", path);
    std::uint32_t number = patterns.number("GET", path);
    if (number >= 32 || patterns.number("GET", path) != number || patterns.size() > 32) std::abort();
  }
  return 0;
}
