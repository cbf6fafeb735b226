#include "telemetry/edges.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace bulkhead::telemetry {
namespace {

TEST(Edges, CountsByClassAndCause) {
  Edges edges;
  EdgeCounts& edge = edges.at({Side::caller, "checkout", "payments", 8080});
  edge.end(200, false, "");
  edge.end(503, true, "no_ready_instance");
  edge.end(200, true, "");
  edge.end(0, true, "reset");
  EXPECT_EQ(edge.requests, 4U);
  EXPECT_EQ(edge.errors, 3U);
  EXPECT_EQ(edge.by_class[2], 2U);
  EXPECT_EQ(edge.by_class[0], 1U);
  const auto json = edges.to_json();
  ASSERT_EQ(json.size(), 1U);
  EXPECT_EQ(json[0]["from"], "checkout");
  EXPECT_EQ(json[0]["causes"]["no_ready_instance"], 1);
}

TEST(Edges, AStreamIsAsFastAsItsBeginning) {
  EdgeCounts edge;
  edge.begin();
  edge.begin();
  EXPECT_EQ(edge.unanswered, 2U);
  edge.answer_began(std::chrono::milliseconds(2));
  EXPECT_EQ(edge.open, 2U);
  EXPECT_EQ(edge.unanswered, 1U);
  EXPECT_EQ(edge.latency.count(), 1U);
  edge.end(200, false, "");
  EXPECT_EQ(edge.requests, 1U);
  EXPECT_EQ(edge.open, 1U);
  EXPECT_EQ(edge.latency.max_micros(), 2000U);
}

TEST(Edges, CausesAreBounded) {
  EdgeCounts edge;
  for (int i = 0; i < 1000; ++i) edge.end(503, true, "cause " + std::to_string(i));
  EXPECT_LE(edge.by_cause.size(), 33U);
}

TEST(Denials, KindsBeyondTheBoundAreCountedTogether) {
  Denials denials;
  const std::chrono::system_clock::time_point now{std::chrono::seconds(5)};
  for (std::size_t i = 0; i < Denials::kMax + 10; ++i) {
    denials.count({"probe", "payments", "GET", "/" + std::to_string(i), "no edge"}, now);
  }
  const auto json = denials.to_json();
  EXPECT_EQ(json.size(), Denials::kMax + 1);
  std::uint64_t total = 0;
  for (const auto& entry : json) total += entry["count"].get<std::uint64_t>();
  EXPECT_EQ(total, Denials::kMax + 10);
  EXPECT_EQ(json[0]["last"], 5000);
}

}  // namespace
}  // namespace bulkhead::telemetry
