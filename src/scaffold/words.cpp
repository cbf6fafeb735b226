#include "scaffold/words.hpp"

#include <algorithm>
#include <charconv>

namespace bulkhead::scaffold {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return result;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

bool contains_any(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::ranges::any_of(parts, [&](std::string_view part) { return contains(text, part); });
}

std::vector<std::string> split(std::string_view text, std::string_view between) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    std::size_t end = std::min(text.find_first_of(between), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string result;
  for (const std::string& word : words) {
    if (!result.empty()) result += between;
    result += word;
  }
  return result;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool leading_zero = text.size() > 1 && text.front() == '0';
  if (error != std::errc{} || end != text.data() + text.size() || leading_zero) return std::nullopt;
  return value;
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  auto number = number_of(text);
  if (!number || *number == 0 || *number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

std::optional<std::uint16_t> port_at(std::string_view text) {
  auto end = static_cast<std::size_t>(std::ranges::find_if_not(text, is_digit) - text.begin());
  bool goes_on = end < text.size() && (is_letter(text[end]) || text[end] == '_' ||
                                       (text[end] == '.' && end + 1 < text.size() && is_digit(text[end + 1])));
  return goes_on ? std::nullopt : port_of(text.substr(0, end));
}

bool is_host_letter(char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.'; }

std::string shell_word(std::string_view text) {
  bool plain = !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_host_letter(c) || c == '/' || c == '=' || c == ':' || c == '@' || c == ',' || c == '+';
  });
  return plain ? std::string(text) : "'" + replaced(std::string(text), "'", R"('\'')") + "'";
}

std::optional<std::string> tidy_path(std::string_view path) {
  std::vector<std::string> kept;
  for (std::string& part : split(path, "/")) {
    if (part == ".") continue;
    if (part != "..") {
      kept.push_back(std::move(part));
      continue;
    }
    if (kept.empty()) return std::nullopt;
    kept.pop_back();
  }
  return joined(kept, "/");
}

std::string base_name(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return std::string(path.substr(path.rfind('/') + 1));  // npos + 1 is 0
}

std::string directory_of(std::string_view path) {
  std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? "" : std::string(path.substr(0, slash));
}

std::string join_path(std::string_view directory, std::string_view name) {
  if (directory.empty()) return std::string(name);
  if (name.empty()) return std::string(directory);
  return std::string(directory) + "/" + std::string(name);
}

}  // namespace bulkhead::scaffold
