#include "manifest/edge_rules.hpp"

#include <gtest/gtest.h>

namespace bulkhead::manifest {
namespace {

using Per = Limit::Per;

TEST(EdgeLimit, IsReadAsItIsWritten) {
  const std::pair<const char*, Limit> table[] = {
      {"20/s", {20, Duration(1000), 20, Per::all, ""}},
      {"20/1s", {20, Duration(1000), 20, Per::all, ""}},
      {"5/m per address", {5, Duration(60'000), 5, Per::address, ""}},
      {"100/10m  per header X-API-Key burst 200", {100, Duration(600'000), 200, Per::header, "x-api-key"}},
      {"20/s burst 1 per address", {20, Duration(1000), 1, Per::address, ""}},
      {"20/s per user", {20, Duration(1000), 20, Per::user, ""}},
      {"8 at once per address", {8, Duration(0), 0, Per::address, ""}},
  };
  for (const auto& [text, expected] : table) {
    const auto limit = parse_limit(text);
    ASSERT_TRUE(limit) << text;
    EXPECT_EQ(*limit, expected) << text;
    const auto again = parse_limit(to_string(*limit));
    ASSERT_TRUE(again) << to_string(*limit);
    EXPECT_EQ(*again, expected) << to_string(*limit);
  }
}

TEST(EdgeLimit, RefusesWhatIsNone) {
  for (const char* text : {"",
                           "20",
                           "0/s",
                           "-1/s",
                           "020/s",
                           "20/",
                           "20/0s",
                           "20/2d",
                           "20/25h",
                           "20 /s",
                           "20/s per",
                           "20/s per users",
                           "20/s per user per address",
                           "20/s per header",
                           "20/s per header te",
                           "20/s per address per address",
                           "20/s burst",
                           "20/s burst 0",
                           "20/s burst 1 burst 2",
                           "8 at",
                           "8 at once burst 2",
                           "8 once",
                           "2000000/s",
                           "99999999999999999999/s"})
    EXPECT_FALSE(parse_limit(text)) << text;
}

Network::Octets four(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d};
}

TEST(EdgeNetwork, HoldsTheAddressesThatBeginLikeIt) {
  const auto holds = [](const char* text, const Network::Octets& address) {
    const auto network = Network::parse(text);
    EXPECT_TRUE(network) << text;
    return network && network->contains(address);
  };
  EXPECT_TRUE(holds("10.0.0.0/8", four(10, 255, 1, 2)));
  EXPECT_FALSE(holds("10.0.0.0/8", four(11, 0, 0, 0)));
  EXPECT_TRUE(holds("192.0.2.128/25", four(192, 0, 2, 255)));
  EXPECT_FALSE(holds("192.0.2.128/25", four(192, 0, 2, 127)));
  EXPECT_TRUE(holds("192.0.2.1", four(192, 0, 2, 1)));
  EXPECT_FALSE(holds("192.0.2.1", four(192, 0, 2, 2)));
  EXPECT_TRUE(holds("0.0.0.0/0", four(1, 2, 3, 4)));
  EXPECT_FALSE(holds("0.0.0.0/0", {0x20, 1})) << "IPv4's whole is not IPv6's";
  EXPECT_TRUE(holds("::/0", {0x20, 1}));
  EXPECT_TRUE(holds("2001:db8::/32", {0x20, 1, 0x0d, 0xb8, 9}));
  EXPECT_FALSE(holds("2001:db8::/32", {0x20, 1, 0x0d, 0xb9}));
  EXPECT_TRUE(holds("::ffff:10.0.0.0/104", four(10, 1, 1, 1)));
}

TEST(EdgeNetwork, RefusesWhatIsNone) {
  for (const char* text : {"", "10", "10.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.1/8", "10.0.0.0/-1",
                           "10.0.0.0/8 ", "010.0.0.0", "::/129", "2001:db8::1/32", "example.org", "1.2.3.4:80"})
    EXPECT_FALSE(Network::parse(text)) << text;
}

}  // namespace
}  // namespace bulkhead::manifest
