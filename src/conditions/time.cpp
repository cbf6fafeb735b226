#include "conditions/time.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include <fmt/format.h>

namespace bulkhead::conditions {

namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using std::chrono::year_month_day;

constexpr std::int64_t kFirst = -62'135'596'800;  // 0001-01-01T00:00:00Z
constexpr std::int64_t kLast = 253'402'300'799;   // 9999-12-31T23:59:59Z

// Takes what stands at the front of a text, piece by piece.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool take(char c) {
    const bool found = rest_.starts_with(c);
    if (found) rest_.remove_prefix(1);
    return found;
  }
  // Exactly as many digits.
  std::optional<int> digits(std::size_t count) {
    if (rest_.size() < count) return std::nullopt;
    const std::string_view text = rest_.substr(0, count);
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || text.starts_with('-')) return std::nullopt;
    rest_.remove_prefix(count);
    return number;
  }
  std::string_view all_digits() {
    const std::size_t count = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    const std::string_view found = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return found;
  }
  bool take(std::string_view word) {
    const bool found = rest_.starts_with(word);
    if (found) rest_.remove_prefix(word.size());
    return found;
  }
  bool empty() const { return rest_.empty(); }
  char front() const { return rest_.empty() ? '\0' : rest_.front(); }

 private:
  std::string_view rest_;
};

// "hh:mm" as seconds.
std::optional<std::int64_t> read_hours_and_minutes(Reader& reader) {
  const auto hours = reader.digits(2);
  if (!hours || *hours > 23 || !reader.take(':')) return std::nullopt;
  const auto minutes = reader.digits(2);
  if (!minutes || *minutes > 59) return std::nullopt;
  return (*hours * 60 + *minutes) * 60;
}

std::optional<sys_days> read_date(Reader& reader) {
  const auto year = reader.digits(4);
  if (!year || !reader.take('-')) return std::nullopt;
  const auto month = reader.digits(2);
  if (!month || !reader.take('-')) return std::nullopt;
  const auto day = reader.digits(2);
  if (!day) return std::nullopt;
  const year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                            std::chrono::day(static_cast<unsigned>(*day))};
  return date.ok() ? std::optional(sys_days(date)) : std::nullopt;
}

// ".5" as nanoseconds; 0 where there is none.
std::optional<std::uint32_t> read_fraction(Reader& reader) {
  if (!reader.take('.')) return 0;
  const std::string_view digits = reader.all_digits();
  if (digits.empty() || digits.size() > 9) return std::nullopt;
  std::uint32_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  for (std::size_t i = digits.size(); i < 9; ++i) number *= 10;
  return number;
}

std::optional<std::int64_t> read_offset(Reader& reader) {
  if (reader.take('Z')) return 0;
  const bool east = reader.take('+');
  if (!east && !reader.take('-')) return std::nullopt;
  const auto seconds = read_hours_and_minutes(reader);
  if (!seconds) return std::nullopt;
  return east ? *seconds : -*seconds;
}

struct Unit {
  std::string_view name;
  std::int64_t nanoseconds;
};

constexpr std::array<Unit, 8> kUnits = {{
    // a longer one before its beginning
    {"ns", 1},
    {"us", 1'000},
    {"\u00b5s", 1'000},
    {"\u03bcs", 1'000},
    {"ms", 1'000'000},
    {"h", 3'600 * kNanoseconds},
    {"m", 60 * kNanoseconds},
    {"s", kNanoseconds},
}};

// One "1.5h" of a duration.
std::optional<std::int64_t> read_amount(Reader& reader) {
  const std::string_view whole = reader.all_digits();
  std::string_view fraction;
  if (reader.take('.')) fraction = reader.all_digits();
  const auto* unit = std::ranges::find_if(kUnits, [&](const Unit& each) { return reader.take(each.name); });
  if (unit == kUnits.end() || (whole.empty() && fraction.empty())) return std::nullopt;
  std::int64_t amount = 0;
  const auto [end, error] = std::from_chars(whole.data(), whole.data() + whole.size(), amount);
  if (error == std::errc::result_out_of_range) return std::nullopt;
  if (__builtin_mul_overflow(amount, unit->nanoseconds, &amount)) return std::nullopt;
  std::int64_t more = 0;
  std::int64_t of = unit->nanoseconds;
  for (std::size_t i = 0; i < fraction.size() && of >= 10; ++i) {
    of /= 10;
    more += (fraction[i] - '0') * of;
  }
  return __builtin_add_overflow(amount, more, &amount) ? std::nullopt : std::optional(amount);
}

// Digits behind the point, without zeros at the end: ".5"; nothing for 0.
char* write_fraction(std::uint32_t nanoseconds, char* to) {
  if (nanoseconds == 0) return to;
  to = fmt::format_to(to, ".{:09}", nanoseconds);
  while (to[-1] == '0') --to;
  return to;
}

std::int64_t days_of_year(const year_month_day& date, sys_days day) {
  return (day - sys_days(date.year() / std::chrono::January / 1)).count();
}

}  // namespace

std::optional<Timestamp> read_timestamp(std::string_view text) {
  Reader reader(text);
  const auto date = read_date(reader);
  if (!date || !reader.take('T')) return std::nullopt;
  const auto minutes = read_hours_and_minutes(reader);
  if (!minutes || !reader.take(':')) return std::nullopt;
  const auto second = reader.digits(2);
  if (!second || *second > 59) return std::nullopt;
  const auto fraction = read_fraction(reader);
  if (!fraction) return std::nullopt;
  const auto offset = read_offset(reader);
  if (!offset || !reader.empty()) return std::nullopt;
  auto time = timestamp_of(sys_seconds(*date).time_since_epoch().count() + *minutes + *second - *offset);
  if (time) time->nanoseconds = *fraction;
  return time;
}

std::optional<std::int64_t> read_duration(std::string_view text) {
  Reader reader(text);
  const bool negative = reader.take('-');
  if (!negative) reader.take('+');
  if (reader.take('0') && reader.empty()) return 0;
  Reader amounts(text.substr(text.starts_with('-') || text.starts_with('+') ? 1 : 0));
  std::int64_t sum = 0;
  do {
    const auto amount = read_amount(amounts);
    if (!amount || __builtin_add_overflow(sum, *amount, &sum)) return std::nullopt;
  } while (!amounts.empty());
  return negative ? -sum : sum;
}

std::optional<std::int64_t> read_zone(std::string_view text) {
  if (text == "UTC") return 0;
  Reader reader(text);
  const bool west = reader.take('-');
  if (!west) reader.take('+');
  const auto seconds = read_hours_and_minutes(reader);
  if (!seconds || !reader.empty()) return std::nullopt;
  return west ? -*seconds : *seconds;
}

std::size_t write_timestamp(Timestamp time, char* to) {
  const sys_seconds at{seconds(time.seconds)};
  const sys_days day = floor<days>(at);
  const year_month_day date(day);
  const std::int64_t second = (at - day).count();
  char* end = fmt::format_to(to, "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                             static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), second / 3600,
                             second / 60 % 60, second % 60);
  end = write_fraction(time.nanoseconds, end);
  *end++ = 'Z';
  return static_cast<std::size_t>(end - to);
}

std::size_t write_duration(std::int64_t nanoseconds, char* to) {
  char* end = to;
  if (nanoseconds < 0) *end++ = '-';
  const std::uint64_t size =
      nanoseconds < 0 ? 0 - static_cast<std::uint64_t>(nanoseconds) : static_cast<std::uint64_t>(nanoseconds);
  end = fmt::format_to(end, "{}", size / kNanoseconds);
  end = write_fraction(static_cast<std::uint32_t>(size % kNanoseconds), end);
  *end++ = 's';
  return static_cast<std::size_t>(end - to);
}

std::optional<Timestamp> timestamp_of(std::int64_t seconds) {
  return seconds >= kFirst && seconds <= kLast ? std::optional(Timestamp{seconds, 0}) : std::nullopt;
}

std::optional<Timestamp> add(Timestamp time, std::int64_t nanoseconds) {
  std::int64_t sum = time.nanoseconds + nanoseconds % kNanoseconds;
  std::int64_t seconds = time.seconds + nanoseconds / kNanoseconds;
  if (sum < 0) {
    sum += kNanoseconds;
    --seconds;
  }
  auto result = timestamp_of(seconds + sum / kNanoseconds);
  if (result) result->nanoseconds = static_cast<std::uint32_t>(sum % kNanoseconds);
  return result;
}

std::optional<std::int64_t> difference(Timestamp later, Timestamp earlier) {
  std::int64_t nanoseconds = 0;
  if (__builtin_mul_overflow(later.seconds - earlier.seconds, kNanoseconds, &nanoseconds)) return std::nullopt;
  const std::int64_t more = static_cast<std::int64_t>(later.nanoseconds) - earlier.nanoseconds;
  return __builtin_add_overflow(nanoseconds, more, &nanoseconds) ? std::nullopt : std::optional(nanoseconds);
}

std::int64_t part_of(Timestamp time, std::int64_t zone, Function part) {
  const sys_seconds at{seconds(time.seconds + zone)};
  const sys_days day = floor<days>(at);
  const year_month_day date(day);
  const std::int64_t second = (at - day).count();
  switch (part) {
    case Function::get_full_year: return static_cast<int>(date.year());
    case Function::get_month: return static_cast<unsigned>(date.month()) - 1;
    case Function::get_date: return static_cast<unsigned>(date.day());
    case Function::get_day_of_month: return static_cast<unsigned>(date.day()) - 1;
    case Function::get_day_of_week: return std::chrono::weekday(day).c_encoding();
    case Function::get_day_of_year: return days_of_year(date, day);
    case Function::get_hours: return second / 3600;
    case Function::get_minutes: return second / 60 % 60;
    case Function::get_seconds: return second % 60;
    default: return time.nanoseconds / 1'000'000;
  }
}

std::int64_t part_of(std::int64_t duration, Function part) {
  switch (part) {
    case Function::get_hours: return duration / kNanoseconds / 3600;
    case Function::get_minutes: return duration / kNanoseconds / 60;
    case Function::get_seconds: return duration / kNanoseconds;
    default: return duration / 1'000'000 % 1'000;
  }
}

}  // namespace bulkhead::conditions
