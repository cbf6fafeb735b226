#include "collect/log_line.hpp"

#include <gtest/gtest.h>

namespace bulkhead::collect {
namespace {

TEST(LogLine, AKeepersLineIsRead) {
  LogRow row;
  std::string text;
  ASSERT_TRUE(
      read_log_line(R"({"time":"2026-01-31T23:59:59.999Z","stream":"stderr","line":"ERROR no \"stock\""})", row, text));
  EXPECT_EQ(row.at_us, 1'769'903'999'999'000);
  EXPECT_EQ(row.stream, "stderr");
  EXPECT_EQ(row.text, "ERROR no \"stock\"");
  EXPECT_EQ(row.severity, "error");
  EXPECT_FALSE(read_log_line(R"({"time":"yesterday","stream":"stdout","line":"x"})", row, text));
  EXPECT_FALSE(read_log_line("not JSON", row, text));
}

TEST(LogLine, SeverityIsWhatTheTextSaysOfItself) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"level":"warn","msg":"x"})", "warn"},
      {R"({"msg":"x", "severity": "ERROR"})", "error"},
      {"time=… level=info msg=x", "info"},
      {"2026-01-01 12:00:00 [debug] x", "debug"},
      {"WARNING: disk", "warn"},
      {"CRITICAL:root:x", "fatal"},
      {"an error occurred", ""},
      {"GET /items 200", ""},
      {R"({"msg":"ERROR: in a message"})", ""},
      {"error: no such file", "error"},
      {"", ""},
  };
  for (const auto& [text, severity] : cases) EXPECT_EQ(severity_of(text), severity) << text;
}

TEST(LogLine, ATraceIsFoundWhereItIsNamed) {
  const std::string id = "4bf92f3577b34da6a3ce929d0e0e4736";
  telemetry::TraceId trace{};
  std::uint64_t span = 0;
  for (const std::string& text : {R"({"trace_id":")" + id + R"("})", "traceId=" + id + " x", "x trace " + id,
                                  "traceparent: 00-" + id + "-00f067aa0ba902b7-01"}) {
    trace = {};
    EXPECT_TRUE(find_trace(text, trace, span)) << text;
    EXPECT_EQ(telemetry::hex(trace), id);
  }
  EXPECT_EQ(span, 0x00f067aa0ba902b7U);
  for (const std::string& text : {"etag " + id, "trace_id=" + id + "0", "trace_id=" + id.substr(1),
                                  std::string("trace_id=00000000000000000000000000000000")})
    EXPECT_FALSE(find_trace(text, trace, span)) << text;
}

TEST(LogLine, ATimeIsReadStrictly) {
  EXPECT_EQ(read_time_us("1970-01-01T00:00:01Z"), 1'000'000);
  EXPECT_EQ(read_time_us("1970-01-01T00:00:00.5Z"), 500'000);
  for (const char* text : {"", "1970-01-01 00:00:01Z", "1970-13-01T00:00:01Z", "1970-01-01T00:00:01",
                           "1970-01-01T00:00:0xZ", "1970-01-01T24:00:00Z"})
    EXPECT_EQ(read_time_us(text), -1) << text;
}

}  // namespace
}  // namespace bulkhead::collect
