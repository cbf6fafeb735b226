#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace bulkhead::net {

// More than this of a ClientHello is refused.
inline constexpr std::size_t kMaxClientHello = 16U << 10U;

struct ClientHelloPeek {
  bool complete = false;           // false: more bytes are needed
  std::optional<std::string> sni;  // lower case; none: the client names no server
};

// The server name that a TLS client asks for (RFC 8446 §4.1.2, RFC 6066 §3), from the first bytes that it sent, without
// taking part. Cause::protocol for what is no well-formed ClientHello, or names several or malformed hosts.
// Of an encrypted ClientHello only the outer name is seen; where the bytes go must not depend on anything else.
Result<ClientHelloPeek> peek_client_hello(std::string_view bytes);

}  // namespace bulkhead::net
