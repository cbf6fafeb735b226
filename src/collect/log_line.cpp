#include "collect/log_line.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "collect/flat.hpp"
#include "collect/record_line.hpp"
#include "http/fields.hpp"

namespace bulkhead::collect {

namespace {

constexpr std::size_t kLookAt = 4096;   // octets of a line's text in which severity and trace are looked for
constexpr std::size_t kLevelWords = 6;  // of a plain line, in which a severity may stand

bool is_lower_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }
bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

struct Level {
  std::string_view word, meaning;
};
constexpr Level kLevels[] = {
    {"fatal", "fatal"}, {"critical", "fatal"}, {"crit", "fatal"}, {"panic", "fatal"},  {"emerg", "fatal"},
    {"alert", "fatal"}, {"error", "error"},    {"err", "error"},  {"severe", "error"}, {"warning", "warn"},
    {"warn", "warn"},   {"notice", "info"},    {"info", "info"},  {"debug", "debug"},  {"trace", "trace"},
};

std::string_view level_of(std::string_view word) {
  for (const Level& level : kLevels)
    if (http::equal_ignoring_case(word, level.word)) return level.meaning;
  return {};
}

// The string or word after `"level":` or `level=`.
std::string_view named_level(std::string_view text) {
  for (const std::string_view name : {"level", "severity", "lvl"}) {
    for (std::size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
      std::string_view after = text.substr(at + name.size());
      const std::size_t begin = after.find_first_not_of("\":= ");
      if (begin == 0 || begin == std::string_view::npos || begin > 5) continue;
      after.remove_prefix(begin);
      const auto end = std::ranges::find_if_not(after, is_ascii_letter);
      const std::string_view level = level_of(after.substr(0, static_cast<std::size_t>(end - after.begin())));
      if (!level.empty()) return level;
    }
  }
  return {};
}

}  // namespace

std::int64_t read_time_us(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' ||
      text.back() != 'Z')
    return -1;
  const auto number = [&](std::size_t at, std::size_t size) {
    int value = -1;
    const char* end = text.data() + at + size;
    return std::from_chars(text.data() + at, end, value).ptr == end ? value : -1;
  };
  const int year = number(0, 4), month = number(5, 2), day = number(8, 2);
  const int hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 ||
      minute > 59 || second < 0 || second > 60)
    return -1;
  std::int64_t fraction = 0, unit = 1'000'000;
  for (std::size_t at = 20; text[19] == '.' && at + 1 < text.size(); ++at) {
    if (text[at] < '0' || text[at] > '9') return -1;
    unit /= 10;
    fraction += unit * (text[at] - '0');
  }
  const std::chrono::sys_days date{std::chrono::year(year) / month / day};
  const auto seconds =
      date.time_since_epoch() + std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
  return std::chrono::duration_cast<std::chrono::microseconds>(seconds).count() + fraction;
}

std::string_view severity_of(std::string_view text) {
  text = text.substr(0, kLookAt);
  if (const std::string_view level = named_level(text); !level.empty()) return level;
  if (text.starts_with('{')) return {};
  std::size_t at = 0;
  for (std::size_t word = 0; word < kLevelWords && at < text.size(); ++word) {
    const auto begin = std::find_if(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), is_ascii_letter);
    const auto end = std::find_if_not(begin, text.end(), is_ascii_letter);
    const std::string_view found(begin, end);
    // Within a sentence "error" is a word as any other; a level is in capitals, or in brackets, or ends with a colon.
    const bool capitals = std::ranges::all_of(found, [](char c) { return c >= 'A' && c <= 'Z'; });
    const bool marked =
        (end != text.end() && (*end == ':' || *end == ']')) || (begin != text.begin() && *(begin - 1) == '[');
    if (const std::string_view level = level_of(found); !level.empty() && (capitals || marked)) return level;
    at = static_cast<std::size_t>(end - text.begin());
  }
  return {};
}

bool find_trace(std::string_view text, telemetry::TraceId& trace, std::uint64_t& span) {
  text = text.substr(0, kLookAt);
  span = 0;
  for (std::size_t at = 0; at + 32 <= text.size();) {
    const std::size_t end = std::min(
        static_cast<std::size_t>(
            std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), is_lower_hex) - text.begin()),
        text.size());
    if (end - at != 32) {
      at = end + 1;
      continue;
    }
    const std::string_view before = text.substr(0, at), after = text.substr(end);
    const bool parent = before.ends_with("00-") && after.size() >= 17 && after[0] == '-';
    const std::string_view near = before.substr(before.size() - std::min<std::size_t>(before.size(), 16));
    const bool named = near.find("trace") != std::string_view::npos || near.find("Trace") != std::string_view::npos;
    telemetry::TraceId found{};
    if ((parent || named) && read_trace_id(text.substr(at, 32), found) && found != telemetry::TraceId{}) {
      trace = found;
      if (parent) read_span_id(after.substr(1, 16), span);
      return true;
    }
    at = end + 1;
  }
  return false;
}

bool read_log_line(std::string_view line, LogRow& row, std::string& text) {
  FlatObject members(line);
  bool timed = false;
  while (members.next()) {
    if (members.key() == "time") {
      row.at_us = read_time_us(members.text());
      timed = row.at_us >= 0;
    } else if (members.key() == "stream") {
      row.stream = members.text() == "stderr" ? "stderr" : "stdout";
    } else if (members.key() == "line") {
      text = members.text();
    }
  }
  row.text = text;
  row.severity = severity_of(text);
  find_trace(text, row.trace, row.span);
  return timed && !members.mistaken();
}

}  // namespace bulkhead::collect
