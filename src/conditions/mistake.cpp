#include "conditions/mistake.hpp"

#include <algorithm>

#include "base/utf8.hpp"

namespace bulkhead::conditions {

Mistake position_in(std::string_view source, Mistake mistake) {
  const std::string_view before = source.substr(0, std::min(mistake.offset, source.size()));
  const std::size_t line_start = before.rfind('\n') + 1;  // 0 in the first line
  mistake.line = static_cast<int>(std::ranges::count(before, '\n')) + 1;
  mistake.column = static_cast<int>(characters(before.substr(line_start))) + 1;
  return mistake;
}

}  // namespace bulkhead::conditions
