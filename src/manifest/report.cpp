#include "manifest/report.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "base/utf8.hpp"
#include "manifest/secret_form.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::size_t kLongestSource = 200;
constexpr std::string_view kKeyBegins = "-----BEGIN ";
constexpr std::string_view kKeyEnds = "-----END ";
constexpr std::string_view kKeyItself = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n";

// Where the first secret begins that its form tells. Lines of what YAML can't be read from have no other protection.
std::size_t first_secret(std::string_view line) {
  std::size_t first = line.size();
  for (const SecretForm& form : secret_forms(line)) first = std::min(first, form.begin);
  return first;
}

// The byte where character `column` (from 1) begins.
std::size_t byte_of(std::string_view line, int column) {
  std::size_t i = 0;
  for (int at = 1; i < line.size() && at < column; ++at) {
    ++i;
    while (i < line.size() && (static_cast<unsigned char>(line[i]) & 0xc0U) == 0x80) ++i;
  }
  return i;
}

}  // namespace

Report::Report(const std::vector<Source>& sources) {
  for (const Source& source : sources) take(source);
}

// Lines within one have no form of their own, and YAML that can't be read ends in any of them.
void Report::hide_private_keys(File& file) {
  const std::string_view text = file.source.text;
  const auto line_of = [&](std::size_t at) { return std::ranges::upper_bound(file.lines, at) - file.lines.begin(); };
  for (std::size_t at = text.find(kKeyBegins); at < text.size(); at = text.find(kKeyBegins, at)) {
    const std::size_t line_ends = std::min(text.find('\n', at), text.size());
    const bool is_private = text.substr(at, line_ends - at).find("PRIVATE KEY") != std::string_view::npos;
    at = line_ends;
    if (!is_private) continue;
    at = text.find(kKeyEnds, at);
    if (at == std::string_view::npos) at = std::min(text.find_first_not_of(kKeyItself, line_ends), text.size());
    for (auto line = line_of(line_ends) + 1; line < line_of(at); ++line) file.hidden[static_cast<int>(line)] = 1;
  }
}

std::uint16_t Report::take(Source source) {
  File& file = files_.emplace_back(File{std::move(source), {0}, {}});
  const std::string& text = file.source.text;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') file.lines.push_back(i + 1);
  }
  hide_private_keys(file);
  return static_cast<std::uint16_t>(files_.size() - 1);
}

std::size_t Report::number_of(const std::string& file) const {
  auto found = std::ranges::find_if(files_, [&](const File& each) { return each.source.file == file; });
  return static_cast<std::size_t>(found - files_.begin());
}

Mark Report::mark(const Position& position) const {
  std::size_t file = number_of(position.file);
  if (file == files_.size()) return {};
  return {position.line, position.column, static_cast<std::uint16_t>(file)};
}

std::string Report::place(Mark there, Mark here) const {
  if (there.file == here.file) return fmt::format("line {}", there.line);
  return fmt::format("{}:{}", files_[there.file].source.file, there.line);
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

void Report::hide(Mark mark) {
  File& file = files_[number_of(files_[mark.file].source.file)];  // one that is included twice is shown as one
  auto [entry, added] = file.hidden.emplace(mark.line, mark.column);
  if (!added) entry->second = std::min(entry->second, mark.column);
}

void Report::hide(Mark from, std::string_view secret, std::size_t length) {
  constexpr std::size_t kShortestWord = 4;
  constexpr int kMostMissed = 16;  // words that are written with escapes: each costs a look at the whole text
  constexpr std::string_view kBlanks = " \t\r\n";
  File& file = files_[number_of(files_[from.file].source.file)];
  if (from.line < 1 || static_cast<std::size_t>(from.line) > file.lines.size()) return;
  const std::size_t begin = file.lines[static_cast<std::size_t>(from.line) - 1];
  const std::size_t most = 4 * length + 4096;  // with its indentation and escapes
  const std::string_view text = std::string_view(file.source.text).substr(begin, most);
  std::size_t at = 0;
  int missed = 0;
  while (!secret.empty() && missed < kMostMissed) {
    const std::string_view word = secret.substr(0, secret.find_first_of(kBlanks));
    secret.remove_prefix(std::min(word.size() + 1, secret.size()));
    if (word.size() < kShortestWord) continue;
    const std::size_t found = text.find(word, at);
    if (found == std::string_view::npos) {
      ++missed;
      continue;
    }
    at = found + word.size();
    const auto next = std::ranges::upper_bound(file.lines, begin + found);
    const std::size_t line = *(next - 1);
    const std::size_t end = next == file.lines.end() ? file.source.text.size() : *next;
    if (end - line > kLongestSource + 2) continue;  // which is not shown at all, and takes long to count in
    const std::string_view before = std::string_view(file.source.text).substr(line, begin + found - line);
    hide({static_cast<int>(next - file.lines.begin()), static_cast<int>(characters(before)) + 1, from.file});
  }
}

std::string Report::line_at(const Position& position) const {
  std::size_t number = number_of(position.file);
  if (number == files_.size()) return "";
  const File& file = files_[number];
  if (position.line < 1 || static_cast<std::size_t>(position.line) > file.lines.size()) return "";
  std::string_view text = file.source.text;
  std::size_t begin = file.lines[static_cast<std::size_t>(position.line) - 1];
  std::string_view line = text.substr(begin, text.find('\n', begin) - begin);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() > kLongestSource) return "";
  const auto hidden = file.hidden.find(position.line);
  std::size_t end = first_secret(line);
  if (hidden == file.hidden.end() && end == line.size()) return std::string(line);
  if (hidden != file.hidden.end()) end = std::min(end, byte_of(line, hidden->second));
  const std::string_view shown = line.substr(0, end);
  bool caret_shown = byte_of(line, position.column) <= shown.size();
  return caret_shown && !shown.empty() ? std::string(shown) + "..." : "";
}

std::vector<Mistake> Report::take_mistakes() {
  auto order = [this](const Mistake& mistake) {
    const Position& position = mistake.position;
    return std::tuple(number_of(position.file), std::string_view(position.file), position.line, position.column,
                      std::string_view(mistake.message));
  };
  std::ranges::sort(mistakes_, [&](const Mistake& a, const Mistake& b) { return order(a) < order(b); });
  auto repeated = std::ranges::unique(mistakes_);
  mistakes_.erase(repeated.begin(), repeated.end());
  for (Mistake& mistake : mistakes_) mistake.source = line_at(mistake.position);
  return std::move(mistakes_);
}

std::vector<Source> Report::take_sources() {
  std::vector<Source> sources;
  for (File& file : files_) sources.push_back(std::move(file.source));
  return sources;
}

}  // namespace bulkhead::manifest
