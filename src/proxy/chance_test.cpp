#include "proxy/chance.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace bulkhead::proxy {
namespace {

using manifest::Share;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Headers = std::vector<manifest::HeaderMatch>;

const http::Fields kPlain;
const http::Fields kBeta{{"X-Group", "beta"}};

manifest::Split split(std::uint32_t share, Headers headers = {}) {
  return {.to = "", .port = {}, .share = Share{share}, .headers = std::move(headers)};
}

TEST(Chance, AShareTakesWhatIsDrawnBelowIt) {
  EXPECT_FALSE(takes(Share{0}, 0));
  EXPECT_TRUE(takes(Share{1}, 0));
  EXPECT_FALSE(takes(Share{1}, 1));
  EXPECT_TRUE(takes(Share{kWhole}, kWhole - 1));
}

TEST(Chance, HeadersMatchByNameOfAnyCaseAndExactValue) {
  const http::Fields fields{{"X-Group", "alpha"}, {"X-GROUP", "beta"}, {"Accept", "*/*"}};
  struct Case {
    Headers headers;
    bool match;
  };
  for (const Case& each : {
           Case{{}, true}, Case{{{"x-group", "alpha"}}, true},
           Case{{{"x-group", "beta"}}, true},  // in one of its lines
           Case{{{"x-group", "Beta"}}, false}, Case{{{"x-group", "alph"}}, false}, Case{{{"x-group", ""}}, false},
           Case{{{"x-groups", "alpha"}}, false}, Case{{{"x-group", "beta"}, {"accept", "*/*"}}, true},
           Case{{{"x-group", "beta"}, {"accept", "text/html"}}, false},  // all of them
       })
    EXPECT_EQ(matches(each.headers, fields), each.match)
        << (each.headers.empty() ? "nothing" : each.headers.front().name + "=" + each.headers.front().value);
}

// How many of all draws go to each split, and how many to none.
std::vector<int> shares(const std::vector<manifest::Split>& splits, const http::Fields& fields) {
  std::vector<int> counts(splits.size() + 1);
  for (std::uint32_t draw = 0; draw < kWhole; ++draw)
    ++counts[choose_split(splits, fields, draw).value_or(splits.size())];
  return counts;
}

TEST(Split, SharesAddUp) {
  EXPECT_EQ(shares({}, kPlain), (std::vector{10'000}));
  EXPECT_EQ(shares({split(1000), split(2000)}, kPlain), (std::vector{1000, 2000, 7000}));
  EXPECT_EQ(shares({split(4000), split(6000)}, kPlain), (std::vector{4000, 6000, 0}));
  EXPECT_EQ(shares({split(8000), split(8000)}, kPlain), (std::vector{8000, 2000, 0}));  // there is no more
}

TEST(Split, AHeaderDecidesWhoItConcerns) {
  const std::vector<manifest::Split> splits{split(kWhole, {{"x-group", "beta"}}), split(1000)};
  EXPECT_EQ(shares(splits, kBeta), (std::vector{10'000, 0, 0}));
  EXPECT_EQ(shares(splits, kPlain), (std::vector{0, 1000, 9000}));
}

TEST(Split, WhatAHeadersShareLeavesGoesOn) {
  const std::vector<manifest::Split> splits{split(5000, {{"x-group", "beta"}}), split(1000)};
  EXPECT_EQ(shares(splits, kBeta), (std::vector{5000, 1000, 4000}));
}

TEST(Split, TheFirstThatMatchesComesFirst) {
  const std::vector<manifest::Split> splits{split(1000), split(kWhole, {{"x-group", "beta"}})};
  EXPECT_EQ(shares(splits, kBeta), (std::vector{1000, 9000, 0}));
}

// Draws these in turn; one too many fails.
DrawShare draws(std::vector<std::uint32_t> numbers) {
  return [numbers = std::move(numbers), next = std::size_t{0}]() mutable { return numbers.at(next++); };
}

manifest::FaultInjection delay(milliseconds time, std::uint32_t share = kWhole, Headers headers = {}) {
  return {.delay = time, .abort = 0, .share = Share{share}, .headers = std::move(headers)};
}
manifest::FaultInjection abort(std::uint16_t status, std::uint32_t share = kWhole, Headers headers = {}) {
  return {.delay = {}, .abort = status, .share = Share{share}, .headers = std::move(headers)};
}

TEST(Faults, TheFirstOfEachKind) {
  const std::vector faults{delay(seconds(1)), delay(seconds(2)), abort(503), abort(500)};
  EXPECT_EQ(choose_fault(faults, kPlain, draws({0, 0})), (InjectedFault{seconds(1), 503}));
}

TEST(Faults, EachHasAShareOfItsOwn) {
  const std::vector faults{delay(seconds(1), 1000), abort(503, 1000)};
  EXPECT_EQ(choose_fault(faults, kPlain, draws({999, 1000})), (InjectedFault{seconds(1), 0}));
  EXPECT_EQ(choose_fault(faults, kPlain, draws({1000, 999})), (InjectedFault{milliseconds(0), 503}));
  EXPECT_EQ(choose_fault(faults, kPlain, draws({1000, 1000})), InjectedFault{});
}

TEST(Faults, OneOfBothKindsIsDrawnOnce) {
  manifest::FaultInjection both = delay(seconds(1), 5000);
  both.abort = 503;
  EXPECT_EQ(choose_fault({&both, 1}, kPlain, draws({4999})), (InjectedFault{seconds(1), 503}));
  EXPECT_EQ(choose_fault({&both, 1}, kPlain, draws({5000})), InjectedFault{});
}

TEST(Faults, OthersThanTheirHeadersNameAreSpared) {
  const std::vector faults{abort(503, kWhole, {{"x-group", "beta"}}), delay(seconds(1))};
  EXPECT_EQ(choose_fault(faults, kPlain, draws({0})), (InjectedFault{seconds(1), 0}));
  EXPECT_EQ(choose_fault(faults, kBeta, draws({0, 0})), (InjectedFault{seconds(1), 503}));
}

}  // namespace
}  // namespace bulkhead::proxy
