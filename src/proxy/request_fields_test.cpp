#include "proxy/request_fields.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace bulkhead::proxy {
namespace {

const telemetry::Random kSevens = [](std::span<std::uint8_t> bytes) { std::ranges::fill(bytes, 7); };
constexpr std::string_view kParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(RequestFields, WhateverClaimsAnIdentityGoesHoweverItIsSpelled) {
  http::Fields fields{{"X-Bulkhead-Port", "1"},
                      {"x_bulkhead_caller", "admin"},
                      {"X-Forwarded-Client-Cert", "Hash=1"},
                      {"x_forwarded_client_cert", "Hash=2"},
                      {"Client-Cert", ":AAAA:"},
                      {"client_cert_chain", ":AAAA:"},
                      {"client-certificates", "kept"},
                      {"x-forwarded-client-certificate", "kept"},
                      {"authorization", "kept"}};
  strip_identity(fields);
  EXPECT_EQ(fields.size(), 3U);
  EXPECT_TRUE(fields.has("authorization"));
}

TEST(RequestFields, ThePortIsOnePlainNumber) {
  EXPECT_EQ(named_port({{"x-bulkhead-port", "8080"}}), 8080);
  for (const char* text : {"", "0", "080", "65536", "+80", " 80", "80 ", "8x", "-1"}) {
    EXPECT_FALSE(named_port({{"x-bulkhead-port", text}}).has_value()) << text;
  }
  EXPECT_FALSE(named_port({{"x-bulkhead-port", "80"}, {"x-bulkhead-port", "80"}}).has_value());
  EXPECT_FALSE(named_port({}).has_value());
}

TEST(RequestFields, ATraceIsCarriedOnWithASpanOfOurOwn) {
  http::Fields fields{{"traceparent", kParent}, {"tracestate", "a=1"}, {"x-request-id", "r-1"}};
  const RequestTrace trace = carry_trace(fields, kSevens, TraceHop::first);
  EXPECT_EQ(trace.request_id, "r-1");
  EXPECT_EQ(telemetry::hex(*trace.parent), "b7ad6b7169203331");
  EXPECT_EQ(fields.find("traceparent"), "00-0af7651916cd43dd8448eb211c80319c-0707070707070707-01");
  EXPECT_TRUE(fields.has("tracestate"));
}

TEST(RequestFields, B3IsCarriedOnInTheFormInWhichItCame) {
  http::Fields one{{"b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1"}, {"tracestate", "a=1"}};
  RequestTrace trace = carry_trace(one, kSevens, TraceHop::first);
  EXPECT_EQ(telemetry::hex(*trace.parent), "e457b5a2e4d86bd1");
  EXPECT_EQ(one.find("traceparent"), "00-80f198ee56343ba864fe8b2a57d3eff7-0707070707070707-01");
  EXPECT_EQ(one.find("b3"), "80f198ee56343ba864fe8b2a57d3eff7-0707070707070707-1-e457b5a2e4d86bd1");
  EXPECT_FALSE(one.has("tracestate")) << "it is W3C's";

  http::Fields several{
      {"X-B3-TraceId", "64fe8b2a57d3eff7"}, {"X-B3-SpanId", "e457b5a2e4d86bd1"}, {"X-B3-Sampled", "0"}};
  trace = carry_trace(several, kSevens, TraceHop::first);
  EXPECT_FALSE(trace.context.sampled);
  EXPECT_EQ(several.find("x-b3-traceid"), "64fe8b2a57d3eff7");
  EXPECT_EQ(several.find("x-b3-spanid"), "0707070707070707");
  EXPECT_EQ(several.find("x-b3-parentspanid"), "e457b5a2e4d86bd1");

  // W3C's word is first; B3 says the same then.
  http::Fields both{{"traceparent", kParent}, {"b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1"}};
  carry_trace(both, kSevens, TraceHop::first);
  EXPECT_EQ(both.find("b3"), "0af7651916cd43dd8448eb211c80319c-0707070707070707-1-b7ad6b7169203331");
  http::Fields none{{"b3", "0"}};
  EXPECT_FALSE(carry_trace(none, kSevens, TraceHop::first).parent.has_value());
}

TEST(RequestFields, ARepeatedOrBrokenTraceIsMadeAnew) {
  http::Fields twice{{"traceparent", kParent}, {"traceparent", kParent}, {"tracestate", "a=1"}};
  EXPECT_FALSE(carry_trace(twice, kSevens, TraceHop::first).parent.has_value());
  EXPECT_EQ(twice.count("traceparent"), 1U);
  EXPECT_FALSE(twice.has("tracestate"));
  http::Fields hostile{{"x-request-id", "a b"}, {"x-request-id", "c"}};
  const RequestTrace made = carry_trace(hostile, kSevens, TraceHop::last);
  tell_request_id(hostile, made);
  EXPECT_EQ(hostile.count("x-request-id"), 1U);
  EXPECT_EQ(hostile.find("x-request-id"), made.request_id);
}

TEST(RequestFields, TheIdOfARequestThatBeginsATraceIsFoundAgainByTheLastHop) {
  http::Fields fields{{"x-request-id", "not one"}};
  const RequestTrace first = carry_trace(fields, kSevens, TraceHop::first);
  EXPECT_FALSE(fields.has("x-request-id"));
  const RequestTrace last = carry_trace(fields, kSevens, TraceHop::last);
  EXPECT_EQ(last.request_id, first.request_id);
  EXPECT_TRUE(telemetry::is_request_id(last.request_id));
}

TEST(RequestFields, ARequestWithinATraceHasAnIdOfItsOwnThatTravels) {
  http::Fields fields{{"traceparent", kParent}};
  const RequestTrace first = carry_trace(fields, kSevens, TraceHop::first);
  EXPECT_EQ(fields.find("x-request-id"), first.request_id);
  EXPECT_NE(first.request_id, telemetry::request_id_of(first.context.trace_id));
  EXPECT_EQ(carry_trace(fields, kSevens, TraceHop::last).request_id, first.request_id);
}

}  // namespace
}  // namespace bulkhead::proxy
