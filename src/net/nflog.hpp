#pragma once

// What the kernel logs when a compartment's program dials something undeclared (nfnetlink_log, linux/netfilter/
// nfnetlink_log.h). Sans I/O: bytes of one datagram of the NFLOG socket in, attempts out. Hostile bytes are skipped.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace bulkhead::net {

struct DialAttempt {
  std::uint8_t protocol = 0;  // IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, …
  std::string source;         // numeric
  std::string destination;
  std::uint16_t source_port = 0;  // 0 where the protocol has no ports
  std::uint16_t destination_port = 0;
  bool operator==(const DialAttempt&) const = default;
};

std::vector<DialAttempt> parse_nflog(std::span<const std::byte> datagram);

}  // namespace bulkhead::net
