#include "collect/counts.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "telemetry/edges.hpp"

namespace bulkhead::collect {
namespace {

using namespace std::chrono_literals;

// What a sidecar writes, as Journal does.
struct Sidecar {
  telemetry::Edges edges;
  telemetry::Denials denials;
  std::int64_t since = 1;

  void request(std::chrono::microseconds took, std::uint16_t status) {
    telemetry::EdgeCounts& edge = edges.at({telemetry::Side::caller, "_gateway", "checkout", 8080});
    edge.begin();
    edge.answer_began(took);
    edge.end(status, false, "");
    edge.bytes_sent += 10;
  }
  std::string line(std::int64_t time_us) const {
    return nlohmann::json{{"type", "counts"},
                          {"time_us", time_us},
                          {"since_us", since},
                          {"edges", edges.to_json()},
                          {"denied", denials.to_json()}}
        .dump();
  }
};

TEST(Counts, WhatFlowedIsTheDifferenceOfTwoLines) {
  Sidecar sidecar;
  sidecar.request(100us, 200);
  const std::string first = sidecar.line(1'000'000);
  auto flowed = flowed_since("", first);
  ASSERT_TRUE(flowed.has_value()) << flowed.error().message;
  ASSERT_EQ(flowed->flows.size(), 1U);
  EXPECT_EQ(flowed->flows[0].caller, "_gateway");
  EXPECT_EQ(flowed->flows[0].requests, 1);
  EXPECT_EQ(flowed->at_ms, 1000);

  sidecar.request(300us, 503);
  sidecar.request(300us, 200);
  sidecar.denials.count({"checkout", "payments", "POST", "/x", "denied"}, std::chrono::system_clock::now());
  flowed = flowed_since(first, sidecar.line(2'000'000));
  ASSERT_TRUE(flowed.has_value());
  EXPECT_EQ(flowed->flows[0].requests, 2);
  EXPECT_EQ(flowed->flows[0].errors, 1);
  EXPECT_EQ(flowed->flows[0].classes[5], 1);
  EXPECT_EQ(flowed->flows[0].sent, 20);
  EXPECT_EQ(flowed->flows[0].latency.count(), 2U);
  EXPECT_NEAR(static_cast<double>(flowed->flows[0].latency.quantile_micros(0.5)), 300, 5);
  ASSERT_EQ(flowed->attempts.size(), 1U);
  EXPECT_EQ(flowed->attempts[0].count, 1);
  EXPECT_TRUE(flowed_since(sidecar.line(2'000'000), sidecar.line(3'000'000))->flows.empty());
}

TEST(Counts, TwoProcessesThatWriteByTurnsAreCountedEachByItself) {
  Sidecar former, successor;
  successor.since = 2;
  std::int64_t requests = 0;
  std::string last;
  for (int turn = 0; turn < 6; ++turn) {
    Sidecar& sidecar = turn % 2 == 0 ? former : successor;
    sidecar.request(100us, 200);
    const std::string line = sidecar.line(turn);
    const auto flowed = flowed_since(last, line);
    ASSERT_TRUE(flowed.has_value());
    for (const Flow& flow : flowed->flows) requests += flow.requests;
    last = remember(last, line);
  }
  EXPECT_EQ(requests, 6);
}

TEST(Counts, APlainMistakeIsAFault) {
  for (const char* line :
       {"", "[]", R"({"type":"counts"})", R"({"type":"counts","time_us":1,"since_us":1,"edges":[{}],"denied":[]})"})
    EXPECT_FALSE(flowed_since("", line).has_value()) << line;
}

}  // namespace
}  // namespace bulkhead::collect
