#pragma once

// Timestamps, durations and time zones as text, and their parts (cel-spec, langdef: "Timestamp", "Duration"). The C++
// library that we build with has no data of named zones, so zones are UTC and fixed offsets alone.

#include <cstdint>
#include <optional>
#include <string_view>

#include "conditions/functions.hpp"
#include "conditions/value.hpp"

namespace bulkhead::conditions {

inline constexpr std::int64_t kNanoseconds = 1'000'000'000;  // of a second

// RFC 3339 §5.6 with at most nine digits behind the point: "2026-01-02T03:04:05.5+01:00".
std::optional<Timestamp> read_timestamp(std::string_view text);

// "1h30m", "-1.5s", "20ms", as Go's time.ParseDuration; in nanoseconds.
std::optional<std::int64_t> read_duration(std::string_view text);

// "UTC", "+01:00", "-02:30", "01:00"; in seconds east of UTC.
std::optional<std::int64_t> read_zone(std::string_view text);

// Both write into `to`, which has room for kLongestTime, and answer how much they wrote.
inline constexpr std::size_t kLongestTime = 40;
std::size_t write_timestamp(Timestamp time, char* to);
std::size_t write_duration(std::int64_t nanoseconds, char* to);

// Nothing where the result is before the year 1 or behind the year 9999.
std::optional<Timestamp> add(Timestamp time, std::int64_t nanoseconds);
// In nanoseconds; nothing where they are more than int64 holds (292 years).
std::optional<std::int64_t> difference(Timestamp later, Timestamp earlier);
std::optional<Timestamp> timestamp_of(std::int64_t seconds);  // within the same bounds

// What get_full_year to get_milliseconds give.
std::int64_t part_of(Timestamp time, std::int64_t zone, Function part);
std::int64_t part_of(std::int64_t duration, Function part);  // get_hours to get_milliseconds

}  // namespace bulkhead::conditions
