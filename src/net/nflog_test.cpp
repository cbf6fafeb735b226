#include "net/nflog.hpp"

#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>

namespace bulkhead::net {
namespace {

std::string attribute(std::uint16_t type, const std::string& data) {
  const nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + data.size()), type};
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes += data;
  bytes.resize(NLA_ALIGN(bytes.size()));
  return bytes;
}

std::string message(const std::string& attributes, std::uint16_t type = (NFNL_SUBSYS_ULOG << 8U) | NFULNL_MSG_PACKET) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(sizeof(nfgenmsg)) + attributes.size());
  header.nlmsg_type = type;
  const nfgenmsg general{};
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) +
         std::string(reinterpret_cast<const char*>(&general), sizeof general) + attributes;
}

std::vector<DialAttempt> parse(const std::string& bytes) { return parse_nflog(std::as_bytes(std::span(bytes))); }

const std::string kTcp4(
    "\x45\x00\x00\x3c\x00\x00\x40\x00\x40\x06\x00\x00\xc6\x12\x00\x01\x08\x08\x08\x08\x9c\x40\x01\xbb", 24);
const std::string kUdp6 = std::string("\x60\x00\x00\x00\x00\x08\x11\x40", 8) + std::string(15, '\0') + "\x01" +
                          std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x01" +
                          std::string("\x9c\x40\x00\x35", 4);

TEST(NflogTest, AnIpv4DialIsRead) {
  const DialAttempt expected{6, "198.18.0.1", "8.8.8.8", 40'000, 443};
  EXPECT_THAT(parse(message(attribute(NFULA_PREFIX, "x") + attribute(NFULA_PAYLOAD, kTcp4))),
              testing::ElementsAre(expected));
}

TEST(NflogTest, AnIpv6DialIsRead) {
  const DialAttempt expected{17, "::1", "2001:db8::1", 40'000, 53};
  EXPECT_THAT(parse(message(attribute(NFULA_PAYLOAD, kUdp6))), testing::ElementsAre(expected));
}

TEST(NflogTest, SeveralMessagesInOneDatagramAreRead) {
  const std::string one = message(attribute(NFULA_PAYLOAD, kTcp4));
  EXPECT_EQ(parse(one + message("", NLMSG_DONE) + one).size(), 2U);
}

TEST(NflogTest, ALaterFragmentHasNoPorts) {
  std::string fragment = kTcp4;
  fragment[6] = 0x00;
  fragment[7] = 0x10;
  const auto attempts = parse(message(attribute(NFULA_PAYLOAD, fragment)));
  ASSERT_EQ(attempts.size(), 1U);
  EXPECT_EQ(attempts[0].destination_port, 0);
}

TEST(NflogTest, EveryCutOfADatagramIsHarmless) {
  const std::string whole = message(attribute(NFULA_PREFIX, "abc") + attribute(NFULA_PAYLOAD, kUdp6));
  for (std::size_t size = 0; size < whole.size(); ++size) parse(whole.substr(0, size));
  for (std::size_t size = 0; size <= kTcp4.size(); ++size)
    parse(message(attribute(NFULA_PAYLOAD, kTcp4.substr(0, size))));
  EXPECT_TRUE(parse(message(attribute(NFULA_PAYLOAD, ""))).empty());
}

}  // namespace
}  // namespace bulkhead::net
