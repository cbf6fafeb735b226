#pragma once

// Which names resolve inside a compartment, to which address, and what answers at each port. The compartment's hosts
// file and doors and the sidecar both compute it, so they agree without talking.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/model.hpp"

namespace bulkhead::policy {

// An IPv4 address in network order.
struct Address {
  std::array<std::uint8_t, 4> octets{};
  auto operator<=>(const Address&) const = default;
};
std::string to_string(Address address);  // "198.18.1.1"

inline constexpr Address kOwnAddress{{198, 18, 0, 1}};      // the compartment's own
inline constexpr Address kSidecarAddress{{198, 18, 0, 2}};  // where inbound connections come from
inline constexpr Address kDnsAddress{{198, 18, 0, 53}};

// How the sidecar treats a connection to one port of one name.
enum class Handling : std::uint8_t {
  http,  // read requests, HTTP/1.1 or HTTP/2 with prior knowledge; to an https egress the sidecar speaks TLS itself
  tcp,   // bytes
  tls_through,  // the program's own TLS to an https egress: bytes, once the SNI was the declared host
};
std::string_view to_string(Handling handling);

struct Answering {
  Port port;             // that the program dials
  std::size_t edge = 0;  // index into Model::edges
  Handling handling = Handling::http;
};

struct Name {
  std::string name;  // "payments", "mail", "api.mail.example"
  Address address;
  std::vector<Answering> ports;  // by port, each once
};

// An `at:` of a call: a port of the compartment's own loopback.
struct Wired {
  std::string host;  // as declared: "localhost", "0.0.0.0" or an address of 127.0.0.0/8
  Answering answering;
};

struct Plan {
  std::vector<Name> names;  // by address; each name once, each address once
  std::vector<Wired> wired;
};

// The plan of one service. Deterministic: an address is made of a name's number in the model (198.18.1.1 onward for
// services, the same throughout the application; 198.19.0.1 onward for the outside names of one service and for the
// further names of its calls, `as`). A peer answers at its own ports and, for http and grpc, at 80 as well (its first
// such port, where 80 is not its own), under each of its names. An egress answers at the declared port and 80 for http,
// at 80 for https (the sidecar speaks TLS), at its port for tcp; its real host name, where it is no address literal,
// answers at the declared port. A port or name of a declared call is never that of a learned one.
Plan plan(const Model& model, std::string_view service);

}  // namespace bulkhead::policy
