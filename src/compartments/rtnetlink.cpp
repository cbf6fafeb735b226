#include "compartments/rtnetlink.hpp"

#include <array>
#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace bulkhead::compartments {
namespace {

constexpr int kLoopbackIndex = 1;  // the first interface of every network namespace

struct Address {
  std::array<unsigned char, 16> bytes{};
  std::size_t size = 0;
};
Result<Address> parse(int family, std::string_view text) {
  Address address;
  address.size = family == AF_INET ? 4 : 16;
  if (inet_pton(family, std::string(text).c_str(), address.bytes.data()) != 1) {
    return fail(Cause::invalid, "{} is not an address", text);
  }
  return address;
}

}  // namespace

struct RouteSocket::Request {
  nlmsghdr header{};
  std::array<char, 128> body{};

  Request(std::uint16_t type, const void* fixed, std::size_t size) {
    header.nlmsg_type = type;
    header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(size));
    std::memcpy(body.data(), fixed, size);
  }
  void add(std::uint16_t type, const void* data, std::size_t size) {
    const rtattr attribute{static_cast<std::uint16_t>(RTA_LENGTH(size)), type};
    char* at = body.data() + (NLMSG_ALIGN(header.nlmsg_len) - sizeof header);
    std::memcpy(at, &attribute, sizeof attribute);
    std::memcpy(at + RTA_LENGTH(0), data, size);
    header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_ALIGN(header.nlmsg_len) + RTA_LENGTH(size));
  }
};

Result<RouteSocket> RouteSocket::open() {
  Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket) return os_fail("open a netlink socket");
  return RouteSocket(std::move(socket));
}

Result<> RouteSocket::exchange(Request& request, std::string_view doing) {
  if (send(socket_.get(), &request, request.header.nlmsg_len, 0) < 0) return os_fail(doing);
  struct {
    nlmsghdr header;
    nlmsgerr error;
    std::array<char, 512> rest;
  } reply{};
  const ssize_t size = recv(socket_.get(), &reply, sizeof reply, 0);
  if (size < 0) return os_fail(doing);
  if (static_cast<std::size_t>(size) < sizeof reply.header + sizeof(int) || reply.header.nlmsg_type != NLMSG_ERROR) {
    return fail(Cause::protocol, "{}: netlink did not answer", doing);
  }
  if (reply.error.error != 0) return os_fail(doing, -reply.error.error);
  return {};
}

Result<> RouteSocket::add_loopback_address(int family, std::string_view address) {
  const auto parsed = parse(family, address);
  if (!parsed) return fail(parsed.error());
  ifaddrmsg fixed{};
  fixed.ifa_family = static_cast<std::uint8_t>(family);
  fixed.ifa_prefixlen = static_cast<std::uint8_t>(parsed->size * 8);
  fixed.ifa_index = kLoopbackIndex;
  Request request(RTM_NEWADDR, &fixed, sizeof fixed);
  request.add(IFA_LOCAL, parsed->bytes.data(), parsed->size);
  request.add(IFA_ADDRESS, parsed->bytes.data(), parsed->size);
  return exchange(request, "add an address to loopback");
}

Result<> RouteSocket::add_local_default(int family, std::string_view source) {
  rtmsg fixed{};
  fixed.rtm_family = static_cast<std::uint8_t>(family);
  fixed.rtm_table = RT_TABLE_LOCAL;
  fixed.rtm_protocol = RTPROT_BOOT;
  fixed.rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
  fixed.rtm_type = RTN_LOCAL;
  Request request(RTM_NEWROUTE, &fixed, sizeof fixed);
  request.add(RTA_OIF, &kLoopbackIndex, sizeof kLoopbackIndex);
  if (!source.empty()) {
    const auto parsed = parse(family, source);
    if (!parsed) return fail(parsed.error());
    request.add(RTA_PREFSRC, parsed->bytes.data(), parsed->size);
  }
  return exchange(request, "add the local default route");
}

Result<> bring_loopback_up() {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return os_fail("open a socket");
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return os_fail("bring loopback up");
  return {};
}

}  // namespace bulkhead::compartments
