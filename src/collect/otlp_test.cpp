#include "collect/otlp.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "collect/otlp_door.hpp"
#include "collect/protobuf.hpp"

namespace bulkhead::collect {
namespace {

using nlohmann::json;

// Messages as a program would write them.
std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7U) out.push_back(static_cast<char>(value | 0x80U));
  out.push_back(static_cast<char>(value));
  return out;
}
std::string field(unsigned number, std::string_view bytes) {
  return varint(number << 3U | 2U) + varint(bytes.size()) + std::string(bytes);
}
std::string number(unsigned field_number, std::uint64_t value) { return varint(field_number << 3U) + varint(value); }
std::string fixed64(unsigned field_number, std::uint64_t value) {
  std::string out = varint(field_number << 3U | 1U);
  for (unsigned i = 0; i < 8; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}
std::string attribute(std::string_view key, const std::string& value) { return field(1, key) + field(2, value); }

std::string some_span() {
  return field(1, std::string(16, '\x0a')) + field(2, std::string("\0\0\0\0\0\0\0\x05", 8)) +
         field(4, std::string("\0\0\0\0\0\0\0\x04", 8)) + field(5, "SELECT orders") + number(6, 3) +
         fixed64(7, 1'700'000'000'000'000'000) + fixed64(8, 1'700'000'000'002'500'000) +
         field(9, attribute("db.system", field(1, "postgresql"))) + field(9, attribute("rows", number(3, 7))) +
         field(9, attribute("list", field(5, field(1, field(1, "a")) + field(1, number(2, 1))))) +
         field(11, fixed64(1, 1'700'000'000'001'000'000) + field(2, "exception")) +
         field(15, field(2, "deadlock") + number(3, 2));
}
std::string export_of(const std::string& item) {
  return field(1, field(1, "") + field(2, field(1, field(1, "my.lib")) + field(2, item)));
}

TEST(Otlp, ASpanInProtobufIsRead) {
  const auto told = read_otlp_protobuf(Signal::traces, export_of(some_span()));
  ASSERT_TRUE(told.has_value()) << told.error().message;
  ASSERT_EQ(told->spans.size(), 1U);
  const ToldSpan& span = told->spans[0];
  EXPECT_EQ(telemetry::hex(span.trace), "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a");
  EXPECT_EQ(span.span, 5U);
  EXPECT_EQ(span.parent, 4U);
  EXPECT_EQ(span.start_us, 1'700'000'000'000'000);
  EXPECT_EQ(span.us, 2500);
  EXPECT_TRUE(span.error);
  EXPECT_EQ(
      json::parse(span.extra),
      (json{{"name", "SELECT orders"},
            {"span_kind", "client"},
            {"scope", "my.lib"},
            {"error", true},
            {"message", "deadlock"},
            {"attributes", {{"db.system", "postgresql"}, {"rows", 7}, {"list", {"a", true}}}},
            {"events", {{{"at_us", 1'700'000'000'001'000}, {"name", "exception"}, {"attributes", json::object()}}}}}));
}

TEST(Otlp, TheSameInJson) {
  const json message = {
      {"resourceSpans",
       {{{"scopeSpans",
          {{{"scope", {{"name", "my.lib"}}},
            {"spans",
             {{{"traceId", "0A0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"},
               {"spanId", "0000000000000005"},
               {"parentSpanId", "0000000000000004"},
               {"name", "SELECT orders"},
               {"kind", 3},
               {"startTimeUnixNano", "1700000000000000000"},
               {"endTimeUnixNano", 1'700'000'000'002'500'000ULL},
               {"attributes",
                {{{"key", "db.system"}, {"value", {{"stringValue", "postgresql"}}}},
                 {{"key", "rows"}, {"value", {{"intValue", "7"}}}},
                 {{"key", "list"},
                  {"value", {{"arrayValue", {{"values", {{{"stringValue", "a"}}, {{"boolValue", true}}}}}}}}}}},
               {"events", {{{"timeUnixNano", "1700000000001000000"}, {"name", "exception"}}}},
               {"status", {{"code", 2}, {"message", "deadlock"}}}}}}}}}}}}};
  const auto told = read_otlp_json(Signal::traces, message.dump());
  ASSERT_TRUE(told.has_value()) << told.error().message;
  ASSERT_EQ(told->spans.size(), 1U);
  const auto same = read_otlp_protobuf(Signal::traces, export_of(some_span()));
  EXPECT_EQ(told->spans[0].trace, same->spans[0].trace);
  EXPECT_EQ(told->spans[0].us, same->spans[0].us);
  EXPECT_EQ(json::parse(told->spans[0].extra), json::parse(same->spans[0].extra));
}

TEST(Otlp, ALogRecordIsTextWithItsAttributes) {
  const std::string record = fixed64(1, 1'000'000) + number(2, 17) + field(3, "whatever") +
                             field(5, field(1, "no stock")) + field(6, attribute("item", field(1, "7"))) +
                             field(9, std::string(16, '\x0b')) + field(10, std::string("\0\0\0\0\0\0\0\x05", 8));
  const auto told = read_otlp_protobuf(Signal::logs, export_of(record));
  ASSERT_TRUE(told.has_value());
  ASSERT_EQ(told->logs.size(), 1U);
  EXPECT_EQ(told->logs[0].at_us, 1000);
  EXPECT_EQ(told->logs[0].severity, "error");
  EXPECT_EQ(told->logs[0].text, R"(no stock {"item":"7"})");
  EXPECT_EQ(told->logs[0].span, 5U);
  const json message = {
      {"resourceLogs",
       {{{"scopeLogs",
          {{{"logRecords",
             {{{"observedTimeUnixNano", "1000000"},
               {"severityText", "WARN"},
               {"body", {{"kvlistValue", {{"values", {{{"key", "a"}, {"value", {{"doubleValue", 1.5}}}}}}}}}}}}}}}}}}}};
  const auto in_json = read_otlp_json(Signal::logs, message.dump());
  ASSERT_TRUE(in_json.has_value()) << in_json.error().message;
  EXPECT_EQ(in_json->logs.at(0).text, R"({"a":1.5})");
  EXPECT_EQ(in_json->logs.at(0).severity, "WARN");
}

TEST(Otlp, WhatIsMalformedIsAFaultAndASpanWithoutIdsIsRefused) {
  EXPECT_EQ(read_otlp_protobuf(Signal::traces, "\x0a\xff").error().cause, Cause::invalid);
  EXPECT_EQ(read_otlp_protobuf(Signal::traces, export_of(some_span() + "\x4a\x05z")).error().cause, Cause::invalid);
  EXPECT_EQ(read_otlp_json(Signal::traces, "[1]").error().cause, Cause::invalid);
  EXPECT_EQ(read_otlp_json(Signal::traces, "{").error().cause, Cause::invalid);
  const auto told = read_otlp_protobuf(Signal::traces, export_of(field(5, "nameless")));
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->refused, 1U);
  EXPECT_TRUE(told->spans.empty());
  EXPECT_TRUE(read_otlp_protobuf(Signal::traces, "")->spans.empty());
}

TEST(Otlp, NestingIsBounded) {
  std::string value = field(1, "deep");
  for (int i = 0; i < 2000; ++i) value = field(5, field(1, value));
  const auto told = read_otlp_protobuf(Signal::traces, export_of(some_span() + field(9, attribute("deep", value))));
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->spans.size(), 1U);
}

TEST(Otlp, WhatIsBeyondTheMostIsCountedAndNotLookedAt) {
  const std::string broken = field(2, some_span() + "\x4a\x05z");
  const std::string message = field(1, field(2, field(2, some_span()) + broken + broken));
  const auto told = read_otlp_protobuf(Signal::traces, message, 1);
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->spans.size(), 1U);
  EXPECT_EQ(told->left_out, 2U);
  EXPECT_FALSE(read_otlp_protobuf(Signal::traces, message, 2).has_value());
  const auto none = read_otlp_json(Signal::logs, R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{}]}]}]})", 0);
  ASSERT_TRUE(none.has_value());
  EXPECT_EQ(none->left_out, 2U);
}

TEST(Otlp, TooManyAtOnceAreAFault) {
  std::string spans;
  for (std::size_t i = 0; i <= kMostTold; ++i) spans += field(2, "");
  EXPECT_EQ(read_otlp_protobuf(Signal::traces, field(1, field(2, spans))).error().cause, Cause::exhausted);
}

TEST(Gunzip, InflatesWhatIsWholeAndNotTooMuch) {
  // printf 'hello hello hello' | gzip -n
  const std::string small(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x90\x00\x80\x88\xf9\xe5\x11\x00\x00"
      "\x00",
      28);
  const auto inflated = gunzip(small, 100);
  ASSERT_TRUE(inflated.has_value()) << inflated.error().message;
  EXPECT_EQ(*inflated, "hello hello hello");
  EXPECT_EQ(gunzip(small, 16).error().cause, Cause::exhausted);
  for (const std::string& broken : {small.substr(0, 20), std::string("not gzip"), std::string()})
    EXPECT_EQ(gunzip(broken, 100).error().cause, Cause::invalid);
}

}  // namespace
}  // namespace bulkhead::collect
