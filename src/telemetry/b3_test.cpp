#include "telemetry/b3.hpp"

#include <gtest/gtest.h>

namespace bulkhead::telemetry {
namespace {

constexpr std::string_view kTrace = "80f198ee56343ba864fe8b2a57d3eff7";

TEST(B3, OneFieldIsRead) {
  const auto whole = parse_b3("80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90");
  ASSERT_TRUE(whole);
  EXPECT_EQ(hex(whole->trace_id), kTrace);
  EXPECT_EQ(hex(whole->span_id), "e457b5a2e4d86bd1");
  EXPECT_TRUE(whole->sampled);
  EXPECT_FALSE(parse_b3("80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-0")->sampled);
  EXPECT_TRUE(parse_b3("80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-d")->sampled);
  const auto half = parse_b3("64fe8b2a57d3eff7-e457b5a2e4d86bd1");
  ASSERT_TRUE(half);
  EXPECT_EQ(hex(half->trace_id), "000000000000000064fe8b2a57d3eff7");
  EXPECT_EQ(b3_trace_id(half->trace_id), "64fe8b2a57d3eff7");
}

TEST(B3, WhatIsNoneIsNone) {
  for (const char* text :
       {"", "0", "1", "d", "80f198ee56343ba864fe8b2a57d3eff7", "80f198ee56343ba864fe8b2a57d3eff7-", "x-y-1",
        "80F198EE56343BA864FE8B2A57D3EFF7-e457b5a2e4d86bd1", "00000000000000000000000000000000-e457b5a2e4d86bd1",
        "80f198ee56343ba864fe8b2a57d3eff7-0000000000000000", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-2",
        "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-x",
        "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90-1"})
    EXPECT_FALSE(parse_b3(text)) << text;
}

TEST(B3, SeveralFieldsAreRead) {
  EXPECT_TRUE(parse_b3(kTrace, "e457b5a2e4d86bd1", "", "")->sampled);
  EXPECT_FALSE(parse_b3(kTrace, "e457b5a2e4d86bd1", "0", "")->sampled);
  EXPECT_FALSE(parse_b3(kTrace, "e457b5a2e4d86bd1", "false", "")->sampled);
  EXPECT_TRUE(parse_b3(kTrace, "e457b5a2e4d86bd1", "0", "1")->sampled);
  EXPECT_FALSE(parse_b3(kTrace, "", "1", ""));
  EXPECT_FALSE(parse_b3("", "e457b5a2e4d86bd1", "1", ""));
}

TEST(B3, WhatIsWrittenIsReadBack) {
  const auto context = parse_b3("80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-0");
  EXPECT_EQ(format_b3(*context, std::nullopt), "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-0");
  EXPECT_EQ(parse_b3(format_b3(*context, SpanId{1})), context);
}

}  // namespace
}  // namespace bulkhead::telemetry
