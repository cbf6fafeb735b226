#include "gateway/quarantine.hpp"

#include <gtest/gtest.h>

namespace bulkhead::gateway {
namespace {

using std::chrono::seconds;

class QuarantineTest : public ::testing::Test {
 protected:
  static net::Address from(const std::string& ip, std::uint16_t port = 4000) { return *net::Address::ip(ip, port); }
  // Seconds that a connection from there waits; -1: it is closed.
  int wait(const std::string& ip) {
    const auto turn = quarantine_.admit(from(ip, port_++), now_);
    return turn ? static_cast<int>(std::chrono::duration_cast<seconds>(*turn - now_).count()) : -1;
  }
  void flood(const std::string& ip) { quarantine_.flooded(from(ip, port_++), now_); }

  Quarantine quarantine_;
  Quarantine::Time now_ = Quarantine::Time() + seconds(1000);
  std::uint16_t port_ = 1;
};

TEST_F(QuarantineTest, LetsEverybodyInWhoDidNotFlood) {
  for (int i = 0; i < 100; ++i) EXPECT_EQ(wait("192.0.2.1"), 0);
  flood("192.0.2.1");
  EXPECT_EQ(wait("192.0.2.2"), 0);
  EXPECT_EQ(wait("::1"), 0);
}

TEST_F(QuarantineTest, GivesAnAddressThatFloodedATurnASecondAndNoTurnFarAway) {
  flood("192.0.2.1");
  for (int turn = 1; turn <= 8; ++turn) EXPECT_EQ(wait("192.0.2.1"), turn);
  EXPECT_EQ(wait("192.0.2.1"), -1);
  now_ += seconds(2);
  EXPECT_EQ(wait("192.0.2.1"), 7);
  EXPECT_EQ(wait("192.0.2.1"), 8);
  EXPECT_EQ(wait("192.0.2.1"), -1);
}

TEST_F(QuarantineTest, AnotherFloodDoesNotGiveTurnsBack) {
  flood("192.0.2.1");
  EXPECT_EQ(wait("192.0.2.1"), 1);
  flood("192.0.2.1");
  EXPECT_EQ(wait("192.0.2.1"), 2);
}

TEST_F(QuarantineTest, EndsAMinuteAfterTheLastFlood) {
  flood("192.0.2.1");
  now_ += seconds(59);
  flood("192.0.2.1");
  now_ += seconds(60);
  EXPECT_EQ(wait("192.0.2.1"), 0) << "its turn has long come";
  EXPECT_EQ(wait("192.0.2.1"), 1);
  now_ += seconds(1);
  EXPECT_EQ(wait("192.0.2.1"), 0);
  EXPECT_EQ(wait("192.0.2.1"), 0);
  EXPECT_EQ(quarantine_.size(), 0U);
}

TEST_F(QuarantineTest, TakesAHostsIpv6AddressesAsOne) {
  flood("2001:db8:0:1::1");
  EXPECT_EQ(wait("2001:db8:0:1:ffff::2"), 1);
  EXPECT_EQ(wait("2001:db8:0:2::1"), 0);
  flood("198.51.100.7");
  EXPECT_EQ(wait("::ffff:198.51.100.7"), 1);
  EXPECT_EQ(wait("::ffff:198.51.100.8"), 0);
  flood("0.0.0.0");
  EXPECT_EQ(wait("::"), 0) << "IPv4's zero is not IPv6's";
}

TEST_F(QuarantineTest, IsBounded) {
  flood("192.0.2.1");
  for (std::size_t i = 0; i < Quarantine::kMost; ++i) {
    quarantine_.flooded(net::Address::ipv4(static_cast<std::uint32_t>(0x0a000000 + i), 1), now_);
  }
  EXPECT_EQ(quarantine_.size(), Quarantine::kMost);
  EXPECT_EQ(wait("192.0.2.1"), 0) << "the oldest made room";
  EXPECT_EQ(wait("10.0.0.0"), 1);
}

}  // namespace
}  // namespace bulkhead::gateway
