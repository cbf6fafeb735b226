#pragma once

// When a job runs, in the form of cron (crontab(5)): minute, hour, day of the month, month, day of the week.

#include <bitset>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace bulkhead::manifest {

class Schedule {
 public:
  // Five fields, each "*", a value, a range, any of them with a step ("*/5"), or a list of these; names of months and
  // of days in three letters; 7 is Sunday too. Or @hourly, @daily, @weekly, @monthly, @yearly. Where day of the month
  // and day of the week are both given, either will do. Cause::invalid says what was found and what is allowed.
  static Result<Schedule> parse(std::string_view text);

  // The first time after `after` that fits, in the zone of this process; none within the next eight years (30
  // February). On a day whose clocks change, a time that is left out is skipped, and one that comes twice is taken
  // twice.
  std::optional<std::time_t> next(std::time_t after) const;
  const std::string& text() const { return text_; }
  bool operator==(const Schedule& other) const { return text_ == other.text_; }

 private:
  bool fits_day(const std::tm& local) const;

  std::string text_;
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;
  std::bitset<13> months_;
  std::bitset<7> weekdays_;
  bool any_day_ = false;
  bool any_weekday_ = false;
};

}  // namespace bulkhead::manifest
