#pragma once

#include <string>
#include <vector>

#include "cli/context.hpp"

namespace bulkhead::cli {

struct Cell {
  std::string text;
  Tone tone = Tone::plain;
  bool right = false;  // numbers stand at the right
};

// Columns as wide as their widest cell, two spaces between them, a bold head line. Ends with a newline.
std::string table(const std::vector<std::string>& head, const std::vector<std::vector<Cell>>& rows);

std::string duration_text(std::int64_t microseconds);  // "740 µs", "1.2 ms", "3.4 s"
std::string time_left_text(std::int64_t seconds);      // "54 min", "2 h", "ended"

}  // namespace bulkhead::cli
