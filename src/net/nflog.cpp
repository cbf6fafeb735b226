#include "net/nflog.hpp"

#include <array>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace bulkhead::net {
namespace {

using Bytes = std::span<const std::byte>;

std::uint8_t byte_at(Bytes bytes, std::size_t offset) { return static_cast<std::uint8_t>(bytes[offset]); }

std::uint16_t big16(Bytes bytes, std::size_t offset) {
  return static_cast<std::uint16_t>((byte_at(bytes, offset) << 8U) | byte_at(bytes, offset + 1));
}

std::string address(int family, Bytes bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (inet_ntop(family, bytes.data(), text.data(), text.size()) == nullptr) return {};
  return text.data();
}

bool has_ports(std::uint8_t protocol) {
  return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP ||
         protocol == IPPROTO_UDPLITE;
}

void add_ports(DialAttempt& attempt, Bytes transport) {
  if (!has_ports(attempt.protocol) || transport.size() < 4) return;
  attempt.source_port = big16(transport, 0);
  attempt.destination_port = big16(transport, 2);
}

// RFC 791. A later fragment carries no ports.
std::optional<DialAttempt> parse_ipv4(Bytes packet) {
  if (packet.size() < 20) return std::nullopt;
  const std::size_t header = std::size_t{byte_at(packet, 0) & 0xFU} * 4;
  if (header < 20 || header > packet.size()) return std::nullopt;
  DialAttempt attempt;
  attempt.protocol = byte_at(packet, 9);
  attempt.source = address(AF_INET, packet.subspan(12, 4));
  attempt.destination = address(AF_INET, packet.subspan(16, 4));
  if ((big16(packet, 6) & 0x1FFFU) == 0) add_ports(attempt, packet.subspan(header));
  return attempt;
}

// RFC 8200 §4: hop-by-hop (0), routing (43) and destination options (60) are stepped over; a fragment header (44) too,
// when it is the first fragment.
std::optional<DialAttempt> parse_ipv6(Bytes packet) {
  if (packet.size() < 40) return std::nullopt;
  DialAttempt attempt;
  attempt.protocol = byte_at(packet, 6);
  attempt.source = address(AF_INET6, packet.subspan(8, 16));
  attempt.destination = address(AF_INET6, packet.subspan(24, 16));
  Bytes rest = packet.subspan(40);
  for (int extensions = 0; extensions < 8; ++extensions) {
    const std::uint8_t kind = attempt.protocol;
    const bool fragment = kind == 44;
    if (kind != 0 && kind != 43 && kind != 60 && !fragment) break;
    if (rest.size() < 8) return attempt;
    const std::size_t length = fragment ? 8 : (std::size_t{byte_at(rest, 1)} + 1) * 8;
    attempt.protocol = byte_at(rest, 0);
    if (length > rest.size() || (fragment && (big16(rest, 2) & 0xFFF8U) != 0)) return attempt;
    rest = rest.subspan(length);
  }
  add_ports(attempt, rest);
  return attempt;
}

std::optional<DialAttempt> parse_packet(Bytes packet) {
  if (packet.empty()) return std::nullopt;
  switch (byte_at(packet, 0) >> 4U) {
    case 4: return parse_ipv4(packet);
    case 6: return parse_ipv6(packet);
    default: return std::nullopt;
  }
}

// The payload attribute of one NFULNL_MSG_PACKET.
Bytes payload_of(Bytes attributes) {
  while (attributes.size() >= sizeof(nlattr)) {
    nlattr attribute{};
    std::memcpy(&attribute, attributes.data(), sizeof attribute);
    if (attribute.nla_len < sizeof attribute || attribute.nla_len > attributes.size()) return {};
    if ((attribute.nla_type & NLA_TYPE_MASK) == NFULA_PAYLOAD) {
      return attributes.subspan(sizeof attribute, attribute.nla_len - sizeof attribute);
    }
    const std::size_t step = NLA_ALIGN(std::size_t{attribute.nla_len});
    if (step > attributes.size()) return {};
    attributes = attributes.subspan(step);
  }
  return {};
}

}  // namespace

std::vector<DialAttempt> parse_nflog(std::span<const std::byte> datagram) {
  std::vector<DialAttempt> attempts;
  while (datagram.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header{};
    std::memcpy(&header, datagram.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size()) break;
    const Bytes body = datagram.subspan(sizeof header, header.nlmsg_len - sizeof header);
    const bool is_packet = header.nlmsg_type == ((NFNL_SUBSYS_ULOG << 8U) | NFULNL_MSG_PACKET);
    if (is_packet && body.size() >= sizeof(nfgenmsg)) {
      auto attempt = parse_packet(payload_of(body.subspan(NLMSG_ALIGN(sizeof(nfgenmsg)))));
      if (attempt) attempts.push_back(std::move(*attempt));
    }
    const std::size_t step = NLMSG_ALIGN(std::size_t{header.nlmsg_len});
    if (step > datagram.size()) break;
    datagram = datagram.subspan(step);
  }
  return attempts;
}

}  // namespace bulkhead::net
