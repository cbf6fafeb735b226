#include "collect/joins.hpp"

#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace bulkhead::collect {
namespace {

constexpr std::int64_t kNow = 1'790'000'000'000'000;

telemetry::TraceId trace_id(std::uint64_t number) {
  telemetry::TraceId id{};
  id[0] = 1;
  for (unsigned i = 0; i < 8; ++i) id[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  return id;
}

// Requests to checkout, one after the other, each of which makes one call that no header joins: of request n, span n,
// the call is n + 1.
class JoinerTest : public testing::Test {
 protected:
  void read(std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t i = first; i < first + count; ++i) {
      SpanRow row;
      row.method = "GET";
      row.path = "/orders";
      row.hop = "inner";
      row.span = 2 * i + 2;
      row.trace = trace_id(row.span);
      row.start_us = kNow + static_cast<std::int64_t>(i) * 20'000;
      row.us = 10'000;
      joiner_.add("checkout-1", row);
      row.hop = "outer";
      row.callee = "payments";
      ++row.span;
      row.trace = trace_id(row.span);
      row.start_us += 2'000;
      row.us = 5'000;
      joiner_.add("checkout-1", row);
    }
  }

  // All that comes of what was kept, for as long as it takes.
  Joiner::Settled settled(std::size_t expected) {
    joiner_.look(kNow + 3'600'000'000);
    Joiner::Settled all;
    for (int round = 0; round < 3000 && all.joins.size() < expected; ++round) {
      Joiner::Settled more = joiner_.take();
      all.joins.insert(all.joins.end(), more.joins.begin(), more.joins.end());
      all.left_out.merge(more.left_out);
      if (all.joins.size() < expected) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return all;
  }

  Joiner joiner_{1'000};
};

TEST_F(JoinerTest, JoinsWhatWasKept) {
  read(0, 200);
  joiner_.keep();
  const Joiner::Settled all = settled(200);
  ASSERT_EQ(all.joins.size(), 200U);
  EXPECT_TRUE(all.left_out.empty());
  for (const TraceJoin& join : all.joins) {
    EXPECT_EQ(join.child_span, join.parent_span + 1);
    EXPECT_EQ(join.child, trace_id(join.child_span));
    EXPECT_EQ(join.parent, trace_id(join.parent_span));
  }
}

TEST_F(JoinerTest, WhatIsReadAgainCountsOnce) {
  read(0, 200);
  joiner_.go_back();
  read(0, 200);
  joiner_.keep();
  EXPECT_EQ(settled(200).joins.size(), 200U);
  EXPECT_TRUE(joiner_.take().empty());
}

TEST_F(JoinerTest, MoreThanMayWaitIsLeftOutAndCounted) {
  read(0, 600);
  joiner_.keep();
  const Joiner::Settled all = settled(500);
  EXPECT_EQ(all.joins.size(), 500U);
  EXPECT_EQ(all.left_out.at("checkout-1"), 200U);
}

TEST_F(JoinerTest, EndsWhateverIsUnderWay) {
  read(0, 500);
  joiner_.keep();
  joiner_.look(kNow + 3'600'000'000);
}

}  // namespace
}  // namespace bulkhead::collect
