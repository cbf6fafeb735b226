#pragma once

// The wire between the three processes of an instance, shared by those who may not include each other.
//
// Keeper and sidecar: a SOCK_SEQPACKET pair, the sidecar's end is fd 3; one JSON object a packet.
//   keeper → sidecar  {"type":"hello", …the spec's hello…, "fds":[names]} with these descriptors, in that order, as
//   SCM_RIGHTS
//                     {"type":"service_started"}   {"type":"drain"}   {"type":"retire"}   {"type":"finish"}
//   sidecar → keeper  {"type":"ready"}, with the listening socket that it opened itself, if it did
//                     {"type":"drained"}   {"type":"retired"}
// drain: the service is about to end, nothing more comes in. retire: another sidecar has the doors now, nothing more
// comes in or goes out here.
// End of file at either end: the other is gone.
//
// Sidecar and the compartment's init: the descriptor named "vendor", a SOCK_SEQPACKET too. Each VendRequest gets one
// VendReply in any order; with error 0 one descriptor comes along: a non-blocking TCP socket of the compartment's
// network, connected, or still connecting, to the service's port. Its source is kMeshSource, never 127.0.0.1.

#include <cstdint>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace bulkhead::net {

inline constexpr int kInstanceLinkFd = 3;

// Names in the hello's "fds". Doors are listening and transparent: getsockname of an accepted socket is what was
// dialled.
inline constexpr std::string_view kDoor4 = "door4";
inline constexpr std::string_view kDoor6 = "door6";  // absent where the host has no IPv6
inline constexpr std::string_view kDnsUdp = "dns_udp";
inline constexpr std::string_view kDnsTcp = "dns_tcp";
inline constexpr std::string_view kNflog = "nflog";  // see net/nflog.hpp
inline constexpr std::string_view kVendor = "vendor";
inline constexpr std::string_view kInner = "inner";  // listening at the hello's "inner" already; for a successor

// Addresses inside a compartment. Declared names get others of 198.18.0.0/15, from 198.18.1.0 on.
inline constexpr std::string_view kOwnAddress = "198.18.0.1";
inline constexpr std::string_view kMeshSource = "198.18.0.2";
inline constexpr std::string_view kMeshSource6 = "fdb8:b8::2";
inline constexpr std::string_view kDnsAddress = "198.18.0.53";

struct VendRequest {
  std::uint32_t id = 0;
  std::uint16_t port = 0;         // host byte order
  std::uint16_t family_hint = 0;  // AF_INET or AF_INET6 to try first, 0: IPv4; the other is tried when refused
};

struct VendReply {
  std::uint32_t id = 0;
  std::int32_t error = 0;  // errno, ECONNREFUSED when nobody listens on the port
};

static_assert(sizeof(VendRequest) == 8 && sizeof(VendReply) == 8);

// One packet each; neither blocks. Cause::exhausted when the socket is full (try again when it is writable),
// Cause::closed when the compartment is gone.
Result<> send_vend_request(int vendor, const VendRequest& request);

struct Vended {
  VendReply reply;
  Fd socket;  // none when reply.error is set
};
// Cause::exhausted when there is nothing to read now.
Result<Vended> receive_vend_reply(int vendor);

}  // namespace bulkhead::net
