#include "cli/table.hpp"

#include <algorithm>

namespace bulkhead::cli {
namespace {

// Characters, not bytes: every byte but UTF-8's continuation bytes.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

void append(std::string& line, const Cell& cell, std::size_t columns, bool last) {
  const std::string padding(columns - std::min(columns, width(cell.text)), ' ');
  if (cell.right) line += padding;
  line += tinted(cell.text, cell.tone);
  if (!cell.right && !last) line += padding;
  if (!last) line += "  ";
}

}  // namespace

std::string table(const std::vector<std::string>& head, const std::vector<std::vector<Cell>>& rows) {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < head.size(); ++i) {
    std::size_t widest = width(head[i]);
    for (const auto& row : rows) widest = std::max(widest, width(row[i].text));
    widths.push_back(widest);
  }
  std::string text;
  for (std::size_t i = 0; i < head.size(); ++i)
    append(text, {head[i], Tone::bold, !rows.empty() && rows.front()[i].right}, widths[i], i + 1 == head.size());
  text += "\n";
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) append(text, row[i], widths[i], i + 1 == row.size());
    text += "\n";
  }
  return text;
}

std::string duration_text(std::int64_t microseconds) {
  const auto value = static_cast<double>(microseconds);
  if (microseconds < 1000) return fmt::format("{} µs", microseconds);
  if (microseconds < 1'000'000) return fmt::format("{:.1f} ms", value / 1e3);
  return fmt::format("{:.1f} s", value / 1e6);
}

std::string time_left_text(std::int64_t seconds) {
  if (seconds <= 0) return "ended";
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7200) return fmt::format("{} min", seconds / 60);
  return fmt::format("{} h", seconds / 3600);
}

}  // namespace bulkhead::cli
