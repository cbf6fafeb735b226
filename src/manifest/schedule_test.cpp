#include "manifest/schedule.hpp"

#include <cstdlib>

#include <fmt/chrono.h>
#include <gtest/gtest.h>

namespace bulkhead::manifest {
namespace {

class ScheduleTest : public ::testing::Test {
 protected:
  ScheduleTest() { zone("UTC"); }
  ~ScheduleTest() override { zone("UTC"); }
  static void zone(const char* name) {
    ::setenv("TZ", name, 1);  // NOLINT(concurrency-mt-unsafe)
    ::tzset();
  }
  static std::string text(std::time_t at) {
    std::tm local{};
    localtime_r(&at, &local);
    return fmt::format("{:%Y-%m-%d %H:%M}", local);
  }
  // The first `count` times after 2026-11-28 03:24:32 UTC, a Saturday.
  static std::string next(std::string_view schedule, int count = 1, std::time_t after = 1795836272) {
    const auto parsed = Schedule::parse(schedule);
    if (!parsed) return parsed.error().message;
    std::string times;
    for (int i = 0; i < count; ++i) {
      const auto at = parsed->next(after);
      times += (i == 0 ? "" : ", ") + (at ? text(*at) : "never");
      after = at.value_or(after);
    }
    return times;
  }
};

TEST_F(ScheduleTest, FindsTheNextTime) {
  EXPECT_EQ(next("* * * * *", 2), "2026-11-28 03:25, 2026-11-28 03:26");
  EXPECT_EQ(next("*/20 * * * *", 3), "2026-11-28 03:40, 2026-11-28 04:00, 2026-11-28 04:20");
  EXPECT_EQ(next("24 3 * * *"), "2026-11-29 03:24") << "not the minute that has begun";
  EXPECT_EQ(next("0 9-17/4 * * mon-fri", 3), "2026-11-30 09:00, 2026-11-30 13:00, 2026-11-30 17:00");
  EXPECT_EQ(next("30 4 1,15 * *", 2), "2026-12-01 04:30, 2026-12-15 04:30");
  EXPECT_EQ(next("0 0 29 feb *"), "2028-02-29 00:00");
  EXPECT_EQ(next("0 0 30 2 *"), "never");
  EXPECT_EQ(next("0 12 * * 7"), "2026-11-29 12:00");
  EXPECT_EQ(next("0 0 13 * FRI", 2), "2026-12-04 00:00, 2026-12-11 00:00") << "the thirteenth or a Friday";
  EXPECT_EQ(next("0 0 */2 * mon"), "2026-12-07 00:00") << "with a star, both";
  EXPECT_EQ(next("@daily", 2), "2026-11-29 00:00, 2026-11-30 00:00");
}

TEST_F(ScheduleTest, CountsInTheZoneOfThisHost) {
  zone("Asia/Kathmandu");  // 5 h 45 min
  EXPECT_EQ(next("0 * * * *", 2), "2026-11-28 10:00, 2026-11-28 11:00");
  zone("Europe/Berlin");
  constexpr std::time_t kBeforeSpring = 1774656000;  // 2026-03-28 00:00 UTC; on the 29th there is no 02:30
  EXPECT_EQ(next("30 2 * * *", 2, kBeforeSpring), "2026-03-28 02:30, 2026-03-30 02:30");
}

TEST_F(ScheduleTest, SaysWhatIsWrong) {
  EXPECT_EQ(next("* * * *"), "'* * * *' has 4 fields, not minute, hour, day, month and day of the week");
  EXPECT_EQ(next("60 * * * *"), "'60' is no value of the minute, 0 to 59");
  EXPECT_EQ(next("0 0 0 * *"), "'0' is no value of the day of the month, 1 to 31");
  EXPECT_EQ(next("0 0 * * 5-1"), "'5-1' is no value of the day of the week, 0 to 7");
  EXPECT_EQ(next("*/0 * * * *"), "'*/0' is no value of the minute, 0 to 59");
  EXPECT_EQ(next("5/10 * * * *"), "'5/10' is no value of the minute, 0 to 59");
  EXPECT_EQ(next("1,,2 * * * *"), "'' is no value of the minute, 0 to 59");
  EXPECT_EQ(next("1, * * * *"), "'' is no value of the minute, 0 to 59");
  EXPECT_EQ(next("-1 * * * *"), "'-1' is no value of the minute, 0 to 59");
  EXPECT_EQ(next("0 0 * foo *"), "'foo' is no value of the month, 1 to 12");
  EXPECT_EQ(next("@reboot"), "'@reboot' has 1 fields, not minute, hour, day, month and day of the week");
}

}  // namespace
}  // namespace bulkhead::manifest
