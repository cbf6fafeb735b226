#include "manifest/units.hpp"

#include <gtest/gtest.h>

namespace bulkhead::manifest {
namespace {

TEST(Port, IsADecimalNumberWithoutSignOrLeadingZero) {
  EXPECT_EQ(parse_port("8080"), Port{8080});
  EXPECT_EQ(parse_port("65535"), Port{65535});
  for (std::string_view text :
       {"", "0", "65536", "080", "-1", "+1", " 1", "1 ", "0x50", "1e3", "99999999999999999999"}) {
    EXPECT_FALSE(parse_port(text)) << text;
  }
}

TEST(Duration, NeedsUnitsInOrder) {
  EXPECT_EQ(parse_duration("500ms"), Duration(500));
  EXPECT_EQ(parse_duration("10s"), Duration(10'000));
  EXPECT_EQ(parse_duration("1h1m1s1ms"), Duration(3'661'001));
  EXPECT_EQ(parse_duration("90m"), Duration(5'400'000));
  EXPECT_EQ(parse_duration("0s"), Duration(0));
  for (std::string_view text :
       {"", "10", "s", "1s1m", "1s1s", "-1s", "1.5s", "1 s", "1d", "9999999999h", "18446744073709551615ms"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Bytes, AreWholeNumbersWithUnits) {
  EXPECT_EQ(parse_bytes("128MiB"), Bytes{128U << 20U});
  EXPECT_EQ(parse_bytes("1GB"), Bytes{1'000'000'000});
  EXPECT_EQ(parse_bytes("512k"), Bytes{512U << 10U});
  EXPECT_EQ(parse_bytes("4096"), Bytes{4096});
  for (std::string_view text : {"", "MiB", "1.5GiB", "-1MiB", "1 MiB", "1TiB", "1mib", "99999999999GiB"}) {
    EXPECT_FALSE(parse_bytes(text)) << text;
  }
}

TEST(Share, IsAPercentageWithAtMostTwoDecimals) {
  EXPECT_EQ(parse_share("10%"), Share{1000});
  EXPECT_EQ(parse_share("0.5%"), Share{50});
  EXPECT_EQ(parse_share("0.01%"), Share{1});
  EXPECT_EQ(parse_share("12.34%"), Share{1234});
  EXPECT_EQ(parse_share("12.30%"), Share{1230});
  EXPECT_EQ(parse_share("100%"), Share{10'000});
  EXPECT_EQ(parse_share("100.00%"), Share{10'000});
  for (std::string_view text : {"", "%", "10", "0%", "0.00%", "0.001%", "100.01%", "101%", "1.%", ".5%", "010%", "-1%",
                                "+1%", "1 %", "1%%", "1,5%", "1e1%", "99999999999999999999%"}) {
    EXPECT_FALSE(parse_share(text)) << text;
  }
}

TEST(Units, AreSpelledAsTheyAreRead) {
  EXPECT_EQ(to_string(Duration(90'000)), "1m30s");
  EXPECT_EQ(to_string(Duration(500)), "500ms");
  EXPECT_EQ(to_string(Duration(0)), "0s");
  EXPECT_EQ(to_string(Bytes{128U << 20U}), "128MiB");
  EXPECT_EQ(to_string(Bytes{1000}), "1000B");
  EXPECT_EQ(to_string(Share{10'000}), "100%");
  EXPECT_EQ(to_string(Share{50}), "0.5%");
  EXPECT_EQ(to_string(Share{1234}), "12.34%");
  EXPECT_EQ(to_string(Share{1}), "0.01%");
}

}  // namespace
}  // namespace bulkhead::manifest
