#pragma once

// The handshake of a WebSocket over HTTP/1.1 (RFC 6455 §4), which belongs to one hop; over HTTP/2 there is none.

#include <string>
#include <string_view>

namespace bulkhead::proxy {

// A fresh Sec-WebSocket-Key: 16 random bytes in base64.
std::string make_websocket_key();
// The Sec-WebSocket-Accept that answers it.
std::string accept_websocket_key(std::string_view key);

}  // namespace bulkhead::proxy
