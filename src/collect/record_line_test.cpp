#include "collect/record_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "telemetry/records.hpp"

namespace bulkhead::collect {
namespace {

using nlohmann::json;

telemetry::Span some_span() {
  telemetry::Span span;
  span.context.trace_id[0] = 0xab;
  span.context.span_id[7] = 1;
  span.parent = telemetry::SpanId{0, 0, 0, 0, 0, 0, 0, 9};
  span.request_id = "r-1";
  span.user = "ann";
  span.hop = "outer";
  static const std::string edge = telemetry::edge_members("_gateway", "checkout", 8080);
  span.edge = edge;
  span.instance = "checkout-1";
  span.protocol = "grpc";
  span.method = "POST";
  span.path = "/shop.Orders/\"x\"";
  span.status = 200;
  span.grpc_status = 14;
  span.cause = "timeout";
  span.fell_back = "breaker_open";
  span.start = telemetry::WallTime(std::chrono::microseconds(1'700'000'000'000'001));
  span.duration = std::chrono::microseconds(1500);
  span.bytes_sent = 7;
  span.bytes_received = 9;
  span.attempts = 3;
  span.detail = "12 of 20 requests failed";
  span.rule = "gateway.routes[0]";
  span.no_retry = "budget is spent";
  span.queued = std::chrono::milliseconds(700);
  span.injected = std::chrono::milliseconds(200);
  return span;
}

TEST(RecordLine, ASpanIsReadBackAsItWasWritten) {
  const std::string line(telemetry::to_line(some_span()));
  ASSERT_EQ(kind_of(line), RecordKind::span);
  FlatObject members(line);
  SpanRow row;
  ASSERT_TRUE(read_span(members, row));
  EXPECT_EQ(telemetry::hex(row.trace), "ab000000000000000000000000000000");
  EXPECT_EQ(row.span, 1U);
  EXPECT_EQ(row.parent, 9U);
  EXPECT_EQ(row.start_us, 1'700'000'000'000'001);
  EXPECT_EQ(row.us, 1500);
  EXPECT_EQ(row.caller, "_gateway");
  EXPECT_EQ(row.callee, "checkout");
  EXPECT_EQ(row.path, "/shop.Orders/\"x\"");
  EXPECT_EQ(row.grpc_status, 14);
  EXPECT_EQ(row.attempts, 3);
  EXPECT_EQ(row.sent, 7);
  EXPECT_EQ(row.received, 9);
  EXPECT_EQ(row.cause, "timeout");
  EXPECT_EQ(row.fell_back, "breaker_open");
  EXPECT_EQ(row.user, "ann");
  EXPECT_EQ(row.request_id, "r-1");
  EXPECT_EQ(row.detail, "12 of 20 requests failed");
  EXPECT_EQ(row.rule, "gateway.routes[0]");
  EXPECT_EQ(row.no_retry, "budget is spent");
  EXPECT_EQ(row.queued_us, 700'000);
  EXPECT_EQ(row.injected_us, 200'000);
  EXPECT_TRUE(row.failed());
}

TEST(RecordLine, ADenialAndADialAreDecisions) {
  telemetry::Denied denied;
  denied.subject = "catalog";
  denied.object = "payments";
  denied.action = "POST /charges";
  denied.verdict = "denied";
  denied.rule_at = "bulkhead.yaml:12:5";
  denied.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  denied.time = telemetry::WallTime(std::chrono::microseconds(5));
  std::string line(telemetry::to_line(denied));
  ASSERT_EQ(kind_of(line), RecordKind::denied);
  FlatObject members(line);
  DecisionRow row;
  std::string action;
  ASSERT_TRUE(read_decision(members, row, action));
  EXPECT_EQ(decision_json(row), (json{{"at_us", 5},
                                      {"kind", "request"},
                                      {"count", 1},
                                      {"subject", "catalog"},
                                      {"object", "payments"},
                                      {"action", "POST /charges"},
                                      {"verdict", "denied"},
                                      {"rule_at", "bulkhead.yaml:12:5"},
                                      {"trace", "4bf92f3577b34da6a3ce929d0e0e4736"}}));

  telemetry::UndeclaredDial dial;
  dial.caller = "catalog";
  dial.target = "payments.local";
  dial.protocol = "dns";
  dial.repeated = 4;
  line = telemetry::to_line(dial);
  ASSERT_EQ(kind_of(line), RecordKind::undeclared);
  FlatObject dialled(line);
  DecisionRow name;
  ASSERT_TRUE(read_decision(dialled, name, action));
  EXPECT_EQ(name.kind, "name");
  EXPECT_EQ(name.action, "dns payments.local");
  EXPECT_EQ(name.count, 4);
}

TEST(RecordLine, OtherLinesAreKnownByTheirType) {
  EXPECT_EQ(kind_of(R"({"denied":[],"edges":[],"since_us":1,"time_us":2,"type":"counts"})"), RecordKind::counts);
  EXPECT_EQ(kind_of(R"({"type":"dropped","lines":1})"), RecordKind::dropped);
  EXPECT_EQ(kind_of(R"({"text":"x","time_us":1,"type":"note"})"), RecordKind::note);
  EXPECT_EQ(kind_of(R"({"type":"of another build"})"), RecordKind::unknown);
  EXPECT_EQ(kind_of("half a li"), RecordKind::unknown);
}

TEST(RecordLine, ASpanWithoutItsIdsIsNone) {
  for (const char* line :
       {R"({"type":"span","span":"0000000000000001"})", R"({"type":"span","trace":"ab","span":"0000000000000001"})",
        R"({"type":"span","trace":"ab000000000000000000000000000000"})",
        R"({"type":"span","trace":"ab00000000000000000000)"}) {
    FlatObject members(line);
    SpanRow row;
    EXPECT_FALSE(read_span(members, row)) << line;
  }
}

}  // namespace
}  // namespace bulkhead::collect
