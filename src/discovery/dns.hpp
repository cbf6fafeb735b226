#pragma once

// A strict, bounded reader of DNS queries and a writer of answers (RFC 1035, 6891), enough for a responder that knows a
// handful of names. Pure.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace bulkhead::discovery {

inline constexpr std::uint16_t kDnsA = 1, kDnsAaaa = 28, kDnsAny = 255;

enum class DnsCode : std::uint8_t {
  no_error = 0,
  format_error = 1,
  server_failure = 2,
  no_such_name = 3,
  not_implemented = 4,
  refused = 5
};

struct DnsQuery {
  std::uint16_t id = 0;
  bool recursion_desired = false;
  bool edns = false;
  std::uint16_t udp_size = 512;  // what the client takes by UDP, 512..4096
  std::string name;              // lower case, dots between labels, none at the end; "" is the root
  std::uint16_t type = 0;
  std::string question;  // as on the wire, its case kept (0x20)
};

// Reads one query. On a Fault, `refuse_dns_query` makes the answer. Never reads past `message`; no compression, exactly
// one question, class IN, at most one OPT.
Result<DnsQuery> parse_dns_query(std::string_view message);

// The answer to a message that parse_dns_query refused: FORMERR or NOTIMP; empty if it can't be answered at all (too
// short, or itself an answer).
std::string refuse_dns_query(std::string_view message);

struct DnsAddress {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};  // the first four for IPv4
};

// The answer with those of `addresses` that the question's type asks for. no_error without a fitting address says that
// the name exists with no such record. `limit` is query.udp_size or 65535; above it the answer is truncated (TC).
std::string answer_dns_query(const DnsQuery& query, DnsCode code, const std::vector<DnsAddress>& addresses,
                             std::uint32_t ttl_seconds, std::size_t limit);

// RFC 1035 §4.2.2: two bytes of length in front, for TCP. The message is at most 65535 bytes.
std::string with_tcp_length(std::string_view message);
// The first whole message in `buffer`, without its length; nothing yet if it is incomplete.
std::optional<std::string_view> tcp_message(std::string_view buffer);

}  // namespace bulkhead::discovery
