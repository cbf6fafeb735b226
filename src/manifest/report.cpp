#include "manifest/report.hpp"

#include <algorithm>
#include <tuple>

namespace bulkhead::manifest {

namespace {

constexpr std::size_t kLongestSource = 200;

// The byte where character `column` (from 1) begins.
std::size_t byte_of(std::string_view line, int column) {
  std::size_t i = 0;
  for (int at = 1; i < line.size() && at < column; ++at) {
    ++i;
    while (i < line.size() && (static_cast<unsigned char>(line[i]) & 0xc0U) == 0x80) ++i;
  }
  return i;
}

auto order(const Mistake& mistake) {
  return std::tie(mistake.position.line, mistake.position.column, mistake.position.file, mistake.message);
}

}  // namespace

Report::Report(std::string file, std::string_view text) : file_(std::move(file)), text_(text) {
  lines_.push_back(0);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') lines_.push_back(i + 1);
  }
}

Mistake& Report::add(Mark mark, std::string code, std::string message) {
  return add(position(mark), std::move(code), std::move(message));
}

Mistake& Report::add(const Position& position, std::string code, std::string message) {
  mistakes_.push_back({Severity::error, position, std::move(code), std::move(message), {}, {}, {}, {}, {}});
  return mistakes_.back();
}

Mistake& Report::warn(const Position& position, std::string code, std::string message) {
  Mistake& mistake = add(position, std::move(code), std::move(message));
  mistake.severity = Severity::warning;
  return mistake;
}

void Report::hide(int line, int column) {
  auto [entry, added] = hidden_.emplace(line, column);
  if (!added) entry->second = std::min(entry->second, column);
}

std::string Report::source(const Position& position) const {
  if (position.file != file_ || position.line < 1 || static_cast<std::size_t>(position.line) > lines_.size()) return "";
  std::size_t begin = lines_[static_cast<std::size_t>(position.line) - 1];
  std::string_view line = text_.substr(begin, text_.find('\n', begin) - begin);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() > kLongestSource) return "";
  auto hidden = hidden_.find(position.line);
  if (hidden == hidden_.end()) return std::string(line);
  std::string_view shown = line.substr(0, byte_of(line, hidden->second));
  bool caret_shown = byte_of(line, position.column) <= shown.size();
  return caret_shown && !shown.empty() ? std::string(shown) + "..." : "";
}

std::vector<Mistake> Report::take() {
  std::ranges::sort(mistakes_, [](const Mistake& a, const Mistake& b) { return order(a) < order(b); });
  auto repeated = std::ranges::unique(mistakes_);
  mistakes_.erase(repeated.begin(), repeated.end());
  for (Mistake& mistake : mistakes_) mistake.source = source(mistake.position);
  return std::move(mistakes_);
}

}  // namespace bulkhead::manifest
