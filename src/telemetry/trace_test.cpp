#include "telemetry/trace.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace bulkhead::telemetry {
namespace {

Random counting(std::uint8_t start) {
  return
      [next = start](std::span<std::uint8_t> bytes) mutable { std::ranges::generate(bytes, [&] { return next++; }); };
}

std::string text_of(const TraceParent& parent) {
  const auto text = format_traceparent(parent);
  return {text.data(), text.size()};
}

constexpr std::string_view kGood = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(Trace, AGoodParentIsReadAndWrittenAgain) {
  const auto parent = parse_traceparent(kGood);
  ASSERT_TRUE(parent.has_value());
  EXPECT_TRUE(parent->sampled);
  EXPECT_EQ(text_of(*parent), kGood);
}

TEST(Trace, MalformedParentsAreNoContext) {
  for (const char* text : {
           "",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
           "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00-00000000000000000000000000000000-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
           "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x",
           " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "0g-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
       }) {
    EXPECT_FALSE(parse_traceparent(text).has_value()) << text;
  }
}

TEST(Trace, ALaterVersionIsReadAsFarAsItIsKnown) {
  EXPECT_TRUE(parse_traceparent("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more").has_value());
}

TEST(Trace, ANewSpanStaysInItsTraceWithAnIdOfItsOwn) {
  const auto parent = parse_traceparent(kGood);
  const TraceParent span = start_span(parent, counting(7));
  EXPECT_EQ(span.trace_id, parent->trace_id);
  EXPECT_NE(span.span_id, parent->span_id);
  const TraceParent root = start_span(std::nullopt, counting(1));
  EXPECT_EQ(text_of(root), "00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01");
}

TEST(Trace, UnsampledStaysUnsampled) {
  const auto parent = parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
  EXPECT_FALSE(start_span(parent, counting(1)).sampled);
}

TEST(Trace, AnIdIsNeverAllZero) {
  const Random zeros = [](std::span<std::uint8_t> bytes) { std::ranges::fill(bytes, 0); };
  EXPECT_TRUE(parse_traceparent(text_of(start_span(std::nullopt, zeros))).has_value());
}

TEST(Trace, StateIsTakenWholeOrNotAtAll) {
  EXPECT_TRUE(is_tracestate("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"));
  EXPECT_TRUE(is_tracestate("1tenant@vendor=x , b=2,,"));
  for (const std::string& text :
       {std::string(), std::string("a"), std::string("A=1"), std::string("a=1,a=2"), std::string("a=1=2"),
        std::string("a=\n"), std::string("@b=1"), "a=" + std::string(600, 'x')}) {
    EXPECT_FALSE(is_tracestate(text)) << text;
  }
  std::string many;
  for (int i = 0; i < 33; ++i) many += "k" + std::to_string(i) + "=1,";
  EXPECT_FALSE(is_tracestate(many));
}

TEST(Trace, RequestIdsAreCarriedOnOnlyIfHarmless) {
  EXPECT_TRUE(is_request_id("f47ac10b-58cc-4372-a567-0e02b2c3d479"));
  EXPECT_TRUE(is_request_id(std::string(128, 'a')));
  EXPECT_FALSE(is_request_id(""));
  EXPECT_FALSE(is_request_id(std::string(129, 'a')));
  EXPECT_FALSE(is_request_id("a b"));
  EXPECT_FALSE(is_request_id("a\"b"));
  EXPECT_FALSE(is_request_id("${jndi}"));
}

TEST(Trace, AMadeRequestIdIsAVersion4Uuid) {
  const std::string id = request_id_of(start_span({}, counting(0)).trace_id);
  EXPECT_EQ(id, "00010203-0405-4607-8809-0a0b0c0d0e0f");
  EXPECT_TRUE(is_request_id(id));
}

}  // namespace
}  // namespace bulkhead::telemetry
