#pragma once

// What changes from hop to hop: fields of one connection (RFC 9110 §7.6.1), forwarding fields (RFC 7239), and
// proxy-status (RFC 9209).

#include <string>
#include <string_view>

#include "http/message.hpp"

namespace bulkhead::http {

// Removes the fields that Connection lists and those of one connection by definition. `te` stays only as "trailers".
void strip_hop_by_hop(Fields& fields);

// Joins cookie fields, which HTTP/2 may split, into one (RFC 9113 §8.2.3).
void join_cookies(Fields& fields);

// Removes Forwarded, X-Forwarded-* and X-Real-IP.
void strip_forwarded(Fields& fields);

struct ForwardedFrom {
  std::string_view client;  // an IP address without port and brackets, or an obfuscated name such as "_checkout"
  std::string_view scheme;  // "http" or "https"
  std::string_view host;    // the authority that the client asked for
};
// At the edge: what the client said of itself goes, what is known takes its place.
void set_forwarded(Fields& fields, const ForwardedFrom& from);

struct ProxyStatus {
  std::string_view proxy;     // this hop's name
  std::string_view error;     // RFC 9209 §2.3, e.g. "connection_timeout"
  std::string_view next_hop;  // optional
  std::string_view details;   // optional, for a person
};
// The value of a proxy-status field, quoted as structured fields want it; bytes outside ASCII become '?'.
std::string format_proxy_status(const ProxyStatus& status);

}  // namespace bulkhead::http
