#include "collect/clocks.hpp"

#include <gtest/gtest.h>

namespace bulkhead::collect {
namespace {

using nlohmann::json;

json hop(const char* id, const char* parent, std::int64_t start, std::int64_t takes) {
  json span = {{"id", id}, {"kind", "hop"}, {"service", "checkout"}, {"start_us", start}, {"duration_us", takes}};
  if (*parent != '\0') span["parent"] = parent;
  return span;
}
json told(const char* id, const char* parent, std::int64_t start, std::int64_t takes) {
  json span = hop(id, parent, start, takes);
  span["kind"] = "program";
  return span;
}

std::vector<std::pair<std::int64_t, std::int64_t>> settled(std::vector<json> spans) {
  settle_clocks(spans);
  std::vector<std::pair<std::int64_t, std::int64_t>> starts;
  for (const json& span : spans) starts.emplace_back(span["start_us"], span.value("skew_us", std::int64_t{0}));
  return starts;
}

using Starts = std::vector<std::pair<std::int64_t, std::int64_t>>;

constexpr std::int64_t kBehind = 600'000'000;

TEST(Clocks, AProgramWhoseClockIsBehindStandsWithinItsRequestWithItsDistancesKept) {
  EXPECT_EQ(settled({hop("1", "", 1'000'000'000, 100'000), told("2", "1", 1'000'010'000 - kBehind, 60'000),
                     told("3", "2", 1'000'015'000 - kBehind, 1'000), told("4", "1", 1'000'080'000 - kBehind, 2'000)}),
            (Starts{{1'000'000'000, 0},
                    {1'000'020'000, -kBehind - 10'000},
                    {1'000'025'000, -kBehind - 10'000},
                    {1'000'090'000, -kBehind - 10'000}}));
}

TEST(Clocks, WhatAProgramWithAnotherClockCallsKeepsItsOwnTime) {
  EXPECT_EQ(settled({hop("1", "", 1'000'000'000, 100'000), told("2", "1", 1'000'000'000 - kBehind, 100'000),
                     hop("3", "2", 1'000'050'000, 10'000)}),
            (Starts{{1'000'000'000, 0}, {1'000'000'000, -kBehind}, {1'000'050'000, 0}}));
}

TEST(Clocks, AClockThatWasSetBackWhileARequestWasUnderWay) {
  constexpr std::int64_t kHour = 3'600'000'000;
  EXPECT_EQ(settled({hop("1", "", 5'000'000'000, 100'000), hop("2", "1", 5'000'020'000 - kHour, 80'000),
                     hop("3", "2", 5'000'030'000 - kHour, 10'000), hop("4", "2", 5'000'050'000 - kHour, 10'000)}),
            (Starts{{5'000'000'000, 0},
                    {5'000'010'000, kHour * -1 + 10'000},
                    {5'000'020'000, kHour * -1 + 10'000},
                    {5'000'040'000, kHour * -1 + 10'000}}));
}

TEST(Clocks, LateWorkSmallDifferencesAndJoinsByTimeStayWhereTheyAre) {
  json joined = hop("4", "1", 0, 5);
  joined["inferred"] = {{"confidence", 0.5}};
  EXPECT_EQ(
      settled({hop("1", "", 1'000'000, 1'000), told("2", "1", 9'000'000'000, 5), hop("3", "1", 996'000, 5), joined}),
      (Starts{{1'000'000, 0}, {9'000'000'000, 0}, {996'000, 0}, {0, 0}}));
}

TEST(Clocks, EventsMoveWithTheirSpanAndCirclesAreLeftAlone) {
  json span = told("2", "1", 10, 5);
  span["events"] = {{{"at_us", 12}, {"name", "x"}}, "no event"};
  std::vector<json> spans{hop("1", "", 1'000'000, 5), span, hop("8", "9", 3, 1), hop("9", "8", 1, 1),
                          hop("7", "7", 1, 1)};
  settle_clocks(spans);
  EXPECT_EQ(spans[1]["events"][0]["at_us"], 1'000'002);
  EXPECT_EQ(spans[1]["skew_us"], -999'990);
  EXPECT_EQ(spans[2]["start_us"], 3);
  EXPECT_FALSE(spans[4].contains("skew_us"));
}

}  // namespace
}  // namespace bulkhead::collect
