#include "collect/skew.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace bulkhead::collect {
namespace {

using nlohmann::json;

constexpr std::int64_t kHour = 3'600'000'000;

json hop(const char* id, const char* parent, const char* hop, std::int64_t start, std::int64_t took) {
  return {{"id", id}, {"parent", parent}, {"kind", "hop"}, {"hop", hop}, {"start_us", start}, {"duration_us", took}};
}

json program(const char* id, const char* parent, std::int64_t start, std::int64_t took) {
  return {{"id", id}, {"parent", parent}, {"kind", "program"}, {"start_us", start}, {"duration_us", took}};
}

// "id at start (skew)" of each.
std::vector<std::string> straight(std::vector<json> spans) {
  straighten(spans);
  std::vector<std::string> told;
  for (const json& span : spans) {
    told.push_back(span["id"].get<std::string>() + " at " + std::to_string(span["start_us"].get<std::int64_t>()));
    if (span.contains("skew_us")) told.back() += " (" + std::to_string(span["skew_us"].get<std::int64_t>()) + ")";
  }
  return told;
}

using Told = std::vector<std::string>;

TEST(Skew, WhatAgreesStaysAsItIs) {
  EXPECT_EQ(straight({hop("a", "", "gateway", kHour, 100'000), hop("b", "a", "inner", kHour + 1'000, 90'000),
                      program("c", "b", kHour + 200'000, 5'000)}),
            (Told{"a at 3600000000", "b at 3600001000", "c at 3600200000"}))
      << "what goes on after the answer is no mistake";
}

TEST(Skew, AProgramsSpanThatBeganBeforeItsCauseIsPutIntoIt) {
  EXPECT_EQ(straight({hop("b", "a", "inner", kHour + 1'000, 90'000), hop("a", "", "gateway", kHour, 100'000),
                      program("c", "b", 0, 10'000), program("d", "c", 2'000, 5'000)}),
            (Told{"b at 3600001000", "a at 3600000000", "c at 3600041000 (-3600041000)", "d at 3600043000"}));
}

TEST(Skew, AClockThatWasSetMeanwhileMovesTheCalleesHalfEitherWay) {
  for (const std::int64_t step : {-kHour, kHour}) {
    const auto told =
        straight({hop("a", "", "outer", 2 * kHour, 100'000), hop("b", "a", "inner", 2 * kHour + step, 80'000),
                  hop("c", "b", "outer", 2 * kHour + step + 5'000, 10'000)});
    EXPECT_EQ(told[1], "b at 7200010000 (" + std::to_string(step - 10'000) + ")");
    EXPECT_EQ(told[2], "c at 7200015000");
  }
}

TEST(Skew, CirclesAndStrangersEndNothing) {
  EXPECT_EQ(
      straight({program("a", "b", 5, 1), program("b", "a", 1, 1), program("c", "c", 0, 1), program("d", "x", 0, 1)}),
      (Told{"a at 5", "b at 1", "c at 0", "d at 0"}));
  EXPECT_TRUE(straight({}).empty());
}

}  // namespace
}  // namespace bulkhead::collect
