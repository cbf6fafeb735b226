#include "manifest/schedule.hpp"

#include <array>
#include <charconv>
#include <span>
#include <vector>

namespace bulkhead::manifest {

namespace {

struct Field {
  std::string_view name;
  unsigned least;
  unsigned most;
  std::span<const std::string_view> names;  // of `least` and those after it
};

constexpr std::array<std::string_view, 12> kMonths{"jan", "feb", "mar", "apr", "may", "jun",
                                                   "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr std::array<Field, 5> kFields{{{"the minute", 0, 59, {}},
                                        {"the hour", 0, 23, {}},
                                        {"the day of the month", 1, 31, {}},
                                        {"the month", 1, 12, kMonths},
                                        {"the day of the week", 0, 7, kWeekdays}}};

struct Shorthand {
  std::string_view word;
  std::string_view meaning;
};
constexpr std::array<Shorthand, 6> kShorthands{{{"@hourly", "0 * * * *"},
                                                {"@daily", "0 0 * * *"},
                                                {"@midnight", "0 0 * * *"},
                                                {"@weekly", "0 0 * * 0"},
                                                {"@monthly", "0 0 1 * *"},
                                                {"@yearly", "0 0 1 1 *"}}};

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find_first_of(separators);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.size() > 2) return std::nullopt;
  return value;
}

bool same_word(std::string_view written, std::string_view name) {
  return written.size() == name.size() && std::equal(name.begin(), name.end(), written.begin(), [](char a, char b) {
           return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
         });
}

std::optional<unsigned> value_of(std::string_view text, const Field& field) {
  for (unsigned i = 0; i < field.names.size(); ++i)
    if (same_word(text, field.names[i])) return field.least + i;
  const auto value = number(text);
  if (!value || *value < field.least || *value > field.most) return std::nullopt;
  return value;
}

// "*", "5", "1-5", "*/15", "10-40/10".
bool add_part(std::string_view part, const Field& field, std::bitset<60>& into) {
  unsigned step = 1;
  if (const std::size_t slash = part.find('/'); slash != std::string_view::npos) {
    const auto given = number(part.substr(slash + 1));
    if (!given || *given == 0) return false;
    step = *given;
    part = part.substr(0, slash);
    if (part != "*" && part.find('-') == std::string_view::npos) return false;
  }
  unsigned first = field.least;
  unsigned last = field.most;
  if (part != "*") {
    const std::size_t dash = part.find('-');
    const auto from = value_of(part.substr(0, dash), field);
    const auto to = dash == std::string_view::npos ? from : value_of(part.substr(dash + 1), field);
    if (!from || !to || *from > *to) return false;
    first = *from;
    last = *to;
  }
  for (unsigned value = first; value <= last; value += step) into.set(value);
  return true;
}

template <std::size_t size>
std::bitset<size> narrowed(const std::bitset<60>& wide) {
  std::bitset<size> bits;
  for (std::size_t i = 0; i < size; ++i) bits[i] = wide[i];
  return bits;
}

}  // namespace

Result<Schedule> Schedule::parse(std::string_view text) {
  Schedule schedule;
  schedule.text_ = text;
  for (const Shorthand& shorthand : kShorthands)
    if (text == shorthand.word) text = shorthand.meaning;
  std::vector<std::string_view> fields;
  for (const std::string_view part : split(text, " \t"))
    if (!part.empty()) fields.push_back(part);
  if (fields.size() != kFields.size())
    return fail(Cause::invalid, "'{}' has {} fields, not minute, hour, day, month and day of the week", text,
                fields.size());
  std::array<std::bitset<60>, kFields.size()> sets;
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    for (const std::string_view part : split(fields[i], ",")) {
      if (add_part(part, kFields[i], sets[i])) continue;
      return fail(Cause::invalid, "'{}' is no value of {}, {} to {}", part, kFields[i].name, kFields[i].least,
                  kFields[i].most);
    }
  }
  if (sets[4][7]) sets[4].set(0);
  schedule.minutes_ = sets[0];
  schedule.hours_ = narrowed<24>(sets[1]);
  schedule.days_ = narrowed<32>(sets[2]);
  schedule.months_ = narrowed<13>(sets[3]);
  schedule.weekdays_ = narrowed<7>(sets[4]);
  schedule.any_day_ = fields[2].starts_with('*');
  schedule.any_weekday_ = fields[4].starts_with('*');
  return schedule;
}

bool Schedule::fits_day(const std::tm& local) const {
  if (!months_[static_cast<std::size_t>(local.tm_mon) + 1]) return false;
  const bool day = days_[static_cast<std::size_t>(local.tm_mday)];
  const bool weekday = weekdays_[static_cast<std::size_t>(local.tm_wday)];
  return any_day_ || any_weekday_ ? day && weekday : day || weekday;
}

std::optional<std::time_t> Schedule::next(std::time_t after) const {
  constexpr std::time_t kMinute = 60;
  constexpr std::time_t kHour = 3600;
  constexpr std::time_t kHorizon = 8LL * 366 * 24 * kHour;
  std::time_t at = after - after % kMinute + kMinute;
  while (at < after + kHorizon) {
    std::tm local{};
    if (localtime_r(&at, &local) == nullptr) return std::nullopt;
    const bool day = fits_day(local);
    if (day && hours_[static_cast<std::size_t>(local.tm_hour)] && minutes_[static_cast<std::size_t>(local.tm_min)])
      return at;
    // Whole hours are skipped; zones whose offset is no whole hour are met by their minutes.
    const bool hour = day && hours_[static_cast<std::size_t>(local.tm_hour)];
    at += hour ? kMinute : kHour - local.tm_min * kMinute;
  }
  return std::nullopt;
}

}  // namespace bulkhead::manifest
