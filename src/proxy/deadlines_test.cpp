#include "proxy/deadlines.hpp"

#include <algorithm>
#include <deque>
#include <memory>

#include <gtest/gtest.h>

#include "proxy/end_user.hpp"

namespace bulkhead::proxy {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

const DeadlineTime kNow{seconds(1000)};

TEST(GrpcTimeout, IsEightDigitsAndAUnit) {
  struct Case {
    const char* text;
    std::optional<nanoseconds> time;
  };
  for (const Case& each : {
           Case{"1H", hours(1)},
           Case{"2M", minutes(2)},
           Case{"3S", seconds(3)},
           Case{"4m", milliseconds(4)},
           Case{"5u", microseconds(5)},
           Case{"6n", nanoseconds(6)},
           Case{"0S", nanoseconds(0)},
           Case{"00000010m", milliseconds(10)},
           Case{"99999999n", nanoseconds(99'999'999)},
           Case{"99999999m", milliseconds(99'999'999)},
           Case{"99999999S", kLongestTimeout},
           Case{"99999999H", kLongestTimeout},  // more nanoseconds than 64 bits hold
           Case{"", std::nullopt},
           Case{"S", std::nullopt},
           Case{"1", std::nullopt},
           Case{"123456789m", std::nullopt},
           Case{"1s", std::nullopt},
           Case{"1h", std::nullopt},
           Case{"1 S", std::nullopt},
           Case{" 1S", std::nullopt},
           Case{"1S ", std::nullopt},
           Case{"-1S", std::nullopt},
           Case{"+1S", std::nullopt},
           Case{"1.5S", std::nullopt},
           Case{"0x1S", std::nullopt},
           Case{"1SS", std::nullopt},
       })
    EXPECT_EQ(parse_grpc_timeout(each.text), each.time) << each.text;
}

TEST(GrpcTimeout, IsWrittenInTheFinestUnitThatFits) {
  struct Case {
    nanoseconds left;
    const char* text;
  };
  for (const Case& each : {
           Case{nanoseconds(1), "1n"},
           Case{nanoseconds(99'999'999), "99999999n"},
           Case{nanoseconds(100'000'000), "100000u"},
           Case{nanoseconds(100'000'001), "100001u"},  // rounded up
           Case{seconds(2), "2000000u"},
           Case{minutes(5), "300000m"},
           Case{nanoseconds(seconds(99)) + nanoseconds(999'999'001), "100000m"},  // where rounding up adds a digit
           Case{hours(24) + milliseconds(1), "86400001m"},
           Case{hours(28), "100800S"},
           Case{nanoseconds(0), "1n"},  // 0 is not allowed
           Case{seconds(-5), "1n"},
           Case{nanoseconds::max(), "10000000S"},
       }) {
    EXPECT_EQ(format_grpc_timeout(each.left), each.text);
    const auto back = parse_grpc_timeout(each.text);
    ASSERT_TRUE(back.has_value()) << each.text;
    EXPECT_GE(*back, std::min(each.left, kLongestTimeout)) << each.text;
  }
}

TEST(Timeout, IsMilliseconds) {
  struct Case {
    const char* text;
    std::optional<nanoseconds> time;
  };
  for (const Case& each : {
           Case{"0", nanoseconds(0)},
           Case{"1", milliseconds(1)},
           Case{"0000001500", milliseconds(1500)},
           Case{"9999999999", kLongestTimeout},
           Case{"10000000000", std::nullopt},
           Case{"", std::nullopt},
           Case{"-1", std::nullopt},
           Case{"+1", std::nullopt},
           Case{"1.5", std::nullopt},
           Case{"1ms", std::nullopt},
           Case{" 1", std::nullopt},
           Case{"1, 2", std::nullopt},
       })
    EXPECT_EQ(parse_timeout(each.text), each.time) << each.text;
}

TEST(Timeout, NothingIsOnlyWhatHasPassed) {
  EXPECT_EQ(format_timeout(seconds(2)), "2000");
  EXPECT_EQ(format_timeout(nanoseconds(1'000'001)), "2");
  EXPECT_EQ(format_timeout(nanoseconds(1)), "1");
  EXPECT_EQ(format_timeout(nanoseconds(0)), "0");
  EXPECT_EQ(format_timeout(seconds(-1)), "0");
  EXPECT_EQ(format_timeout(nanoseconds::max()), "9999999999");
}

TEST(Deadline, ComesOfATimeoutAndLeavesOne) {
  EXPECT_EQ(deadline_after(seconds(2), kNow), kNow + seconds(2));
  EXPECT_EQ(deadline_after(nanoseconds(0), kNow), kNow);
  EXPECT_EQ(deadline_after(nanoseconds::max(), kNow), kNow + kLongestTimeout);
  EXPECT_EQ(deadline_of_setting(milliseconds(1500), kNow), kNow + milliseconds(1500));
  EXPECT_EQ(deadline_of_setting(milliseconds(0), kNow), kNoDeadline);
  EXPECT_EQ(time_left(kNow + seconds(2), kNow), seconds(2));
  EXPECT_EQ(time_left(kNow - seconds(2), kNow), seconds(0));
  EXPECT_EQ(time_left(kNoDeadline, kNow), std::nullopt);
  EXPECT_EQ(earliest(kNoDeadline, kNow), kNow);
  EXPECT_EQ(earliest(kNow + seconds(1), kNow), kNow);
}

telemetry::TraceParent span(std::uint8_t trace, std::uint8_t id) {
  telemetry::TraceParent parent;
  parent.trace_id.fill(trace);
  parent.span_id.fill(id);
  return parent;
}

// The whole seconds until then; none is 0.
std::int64_t seconds_to(DeadlineTime deadline) {
  return deadline == kNoDeadline ? 0 : std::chrono::duration_cast<seconds>(deadline - kNow).count();
}

TEST(OpenRequests, FindTheOneWhoseSpanIsTheParent) {
  OpenRequests open(7);
  OpenRequests::Entry first, second, other;
  open.add(first, span(1, 11), kNow + seconds(1));
  open.add(second, span(1, 12), kNow + seconds(2));
  open.add(other, span(2, 11), kNow + seconds(3));
  EXPECT_EQ(seconds_to(open.deadline_of(span(1, 11))), 1);
  EXPECT_EQ(seconds_to(open.deadline_of(span(1, 12))), 2);
  EXPECT_EQ(seconds_to(open.deadline_of(span(2, 11))), 3);
}

TEST(OpenRequests, ASpanOfTheProgramsOwnHasTheLatestOfItsTrace) {
  OpenRequests open(7);
  OpenRequests::Entry soon, late, middle;
  open.add(soon, span(1, 11), kNow + seconds(1));
  open.add(late, span(1, 12), kNow + seconds(9));
  open.add(middle, span(1, 13), kNow + seconds(5));
  EXPECT_EQ(seconds_to(open.deadline_of(span(1, 99))), 9);
  EXPECT_EQ(seconds_to(open.deadline_of(span(2, 11))), 0);  // of no trace that is known
}

TEST(OpenRequests, NoDeadlineIsTheLatest) {
  OpenRequests open(7);
  OpenRequests::Entry bound, unbound;
  open.add(bound, span(1, 11), kNow + seconds(1));
  open.add(unbound, span(1, 12), kNoDeadline);
  EXPECT_EQ(open.deadline_of(span(1, 99)), kNoDeadline);
  EXPECT_EQ(open.deadline_of(span(1, 12)), kNoDeadline);
  EXPECT_EQ(seconds_to(open.deadline_of(span(1, 11))), 1);
}

TEST(OpenRequests, AreForTheUserOfTheirSpanOrOfAllOfTheirTrace) {
  const auto user = [](const char* name) {
    jose::TxnToken token;
    token.subject = name;
    return end_user(name, token);
  };
  const auto ann = user("ann");
  const auto bob = user("bob");
  OpenRequests open(7);
  OpenRequests::Entry first, second, third, alone;
  open.add(first, span(1, 11), kNoDeadline, ann);
  EXPECT_EQ(open.user_of(span(1, 11)), ann);
  EXPECT_EQ(open.user_of(span(1, 99)), ann) << "a span of the program's own";
  EXPECT_EQ(open.user_of(span(2, 11)), nullptr) << "another trace";
  open.add(second, span(1, 12), kNoDeadline, ann);
  EXPECT_EQ(open.user_of(span(1, 99)), ann);
  open.add(third, span(1, 13), kNoDeadline, bob);
  EXPECT_EQ(open.user_of(span(1, 13)), bob);
  EXPECT_EQ(open.user_of(span(1, 99)), nullptr) << "nobody knows which of them";
  open.add(alone, span(3, 11), kNoDeadline);
  EXPECT_EQ(open.user_of(span(3, 11)), nullptr);
}

TEST(OpenRequests, AnEntryLeavesWithItsOwner) {
  OpenRequests open(7);
  auto early = std::make_unique<OpenRequests::Entry>();
  auto late = std::make_unique<OpenRequests::Entry>();
  open.add(*early, span(1, 11), kNow + seconds(1));
  open.add(*late, span(1, 12), kNow + seconds(9));
  EXPECT_EQ(open.size(), 2U);
  late.reset();
  EXPECT_EQ(seconds_to(open.deadline_of(span(1, 12))), 1);
  early.reset();
  EXPECT_EQ(seconds_to(open.deadline_of(span(1, 11))), 0);
  EXPECT_EQ(open.size(), 0U);
}

TEST(OpenRequests, TheTableMayEndBeforeItsEntries) {
  OpenRequests::Entry added, never_added;
  {
    OpenRequests open(7);
    open.add(added, span(1, 11), kNow);
  }
  OpenRequests next(8);
  next.add(added, span(1, 11), kNow + seconds(1));
  EXPECT_EQ(seconds_to(next.deadline_of(span(1, 11))), 1);
}

telemetry::TraceParent numbered(std::uint32_t number) {
  telemetry::TraceParent parent;
  for (std::size_t i = 0; i < 4; ++i) parent.trace_id[12 + i] = static_cast<std::uint8_t>(number >> (8 * i));
  parent.span_id.fill(1);
  return parent;
}

TEST(OpenRequests, ThousandsComeAndGoInAnyOrder) {
  constexpr std::uint32_t kMany = 5000;
  OpenRequests open(42);
  std::deque<std::unique_ptr<OpenRequests::Entry>> entries;
  for (std::uint32_t i = 0; i < kMany; ++i) {
    entries.push_back(std::make_unique<OpenRequests::Entry>());
    open.add(*entries.back(), numbered(i), kNow + seconds(i + 1));
  }
  for (std::uint32_t i = 0; i < kMany; i += 2) entries[i].reset();
  EXPECT_EQ(open.size(), kMany / 2);
  for (std::uint32_t i = 0; i < kMany; ++i)
    ASSERT_EQ(seconds_to(open.deadline_of(numbered(i))), i % 2 == 0 ? 0 : i + 1) << i;
  entries.clear();
  EXPECT_EQ(open.size(), 0U);
}

}  // namespace
}  // namespace bulkhead::proxy
