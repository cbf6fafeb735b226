#include "net/address.hpp"

#include <gtest/gtest.h>

namespace bulkhead::net {
namespace {

TEST(AddressTest, WhatIsParsedIsPrintedTheSame) {
  for (const auto* text : {"127.0.0.1:80", "0.0.0.0:0", "[::1]:65535", "[2001:db8::1]:443", "unix:/run/x.sock"}) {
    const auto address = Address::parse(text);
    ASSERT_TRUE(address) << text << ": " << address.error().message;
    EXPECT_EQ(address->text(), text);
  }
}

TEST(AddressTest, AmbiguousAndMalformedTextIsRefused) {
  for (const auto* text : {"",
                           ":",
                           "80",
                           "127.0.0.1",
                           "127.0.0.1:",
                           "127.0.0.1:080",
                           "127.0.0.1:65536",
                           "127.0.0.1:-1",
                           "127.0.0.1:+1",
                           "127.0.0.1: 1",
                           "127.1:80",
                           "0127.0.0.1:80",
                           "127.0.0.01:80",
                           "::1:80",
                           "[::1]",
                           "[127.0.0.1]:80",
                           "[fe80::1%eth0]:80",
                           "localhost:80",
                           "unix:",
                           "127.0.0.1:99999999999"}) {
    EXPECT_FALSE(Address::parse(text)) << text;
  }
  EXPECT_FALSE(Address::parse(std::string_view("unix:/a\0b", 9)));
  EXPECT_FALSE(Address::parse(std::string_view("127.0.0.1\0:80", 13)));
}

TEST(AddressTest, APathAboveTheKernelsLimitIsAClearFault) {
  EXPECT_TRUE(Address::unix_socket("/" + std::string(106, 'x')));
  const auto address = Address::unix_socket("/" + std::string(107, 'x'));
  ASSERT_FALSE(address);
  EXPECT_NE(address.error().message.find("107 bytes"), std::string::npos);
}

TEST(AddressTest, EqualityIsByMeaning) {
  EXPECT_EQ(*Address::parse("[::0001]:1"), *Address::parse("[::1]:1"));
  EXPECT_NE(*Address::parse("[::1]:1"), *Address::parse("[::1]:2"));
  EXPECT_NE(*Address::parse("127.0.0.1:1"), *Address::parse("[::ffff:127.0.0.1]:1"));
  EXPECT_EQ(Address::loopback(7).with_port(8), *Address::parse("127.0.0.1:8"));
}

TEST(AddressTest, ScopeTellsWhatEgressMustNotReach) {
  const std::pair<const char*, Scope> cases[] = {
      {"8.8.8.8", Scope::global},
      {"127.255.0.1", Scope::loopback},
      {"10.0.0.1", Scope::private_use},
      {"172.16.0.1", Scope::private_use},
      {"172.32.0.1", Scope::global},
      {"192.168.1.1", Scope::private_use},
      {"100.64.0.1", Scope::private_use},
      {"100.100.100.200", Scope::private_use},
      {"169.254.169.254", Scope::link_local},
      {"0.0.0.0", Scope::reserved},
      {"224.0.0.1", Scope::reserved},
      {"255.255.255.255", Scope::reserved},
      {"198.18.0.1", Scope::reserved},
      {"::1", Scope::loopback},
      {"::", Scope::reserved},
      {"::ffff:127.0.0.1", Scope::loopback},
      {"::ffff:169.254.169.254", Scope::link_local},
      {"64:ff9b::7f00:1", Scope::loopback},
      {"2002:7f00:1::", Scope::loopback},
      {"2002:808:808::", Scope::global},
      {"::127.0.0.1", Scope::reserved},
      {"fe80::1", Scope::link_local},
      {"fd00:ec2::254", Scope::private_use},
      {"ff02::1", Scope::reserved},
      {"2001:db8::1", Scope::reserved},
      {"2606:4700::1111", Scope::global},
  };
  for (const auto& [ip, scope] : cases) EXPECT_EQ(Address::ip(ip, 1)->scope(), scope) << ip;
}

}  // namespace
}  // namespace bulkhead::net
