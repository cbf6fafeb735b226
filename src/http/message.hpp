#pragma once

// One representation of a message's head for HTTP/1.0, 1.1 and 2 (RFC 9110 §6). What frames a message is told by
// members and is never among `fields`: Host or :authority, Content-Length, Transfer-Encoding, Expect: 100-continue.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/fields.hpp"

namespace bulkhead::http {

enum class Version : std::uint8_t { http10, http11, http2 };

struct Request {
  std::string method;
  std::string scheme;     // "http" or "https" where HTTP/2 or an absolute-form target said it; else empty
  std::string authority;  // Host or :authority, as received
  std::string target;     // path and query exactly as received ("*" for OPTIONS *)
  // What the client asks to switch to ("websocket"), else empty. The method is GET then, in HTTP/2 too, where the wire
  // says CONNECT (RFC 8441). The answer that accepts is status 101 in every version.
  std::string protocol;
  Fields fields;
  Version version = Version::http11;
  std::optional<std::uint64_t> content_length;
  bool body = false;  // a body follows, of content_length bytes if that is known; a length of 0 means no body
  bool expect_continue = false;  // answered by each hop, never sent on
};

struct Response {
  std::uint16_t status = 200;  // 1xx are interim, but for 101: the tunnel begins
  Fields fields;
  Version version = Version::http11;
  // What the peer said; to HEAD and in 304 a length may stand without a body.
  std::optional<std::uint64_t> content_length;
  bool body = false;

  bool interim() const { return status < 200 && status != 101; }
};

// Why a message of a peer can't be taken: the status to answer with and a sentence for a person.
struct Refusal {
  std::uint16_t status = 400;
  std::string reason;
};

// A method that no request may have (RFC 9113 §11.6): as a line of HTTP/1 it begins HTTP/2.
inline constexpr std::string_view kPrefaceMethod = "PRI";
inline constexpr const char* kPrefaceMethodWhy = "PRI is no method, but how HTTP/2's preface begins";

struct FieldLimits {
  std::size_t count = 128;    // fields, cookie crumbs counted each
  std::size_t bytes = 65536;  // HTTP/1: the whole head; HTTP/2: the decoded field list (RFC 9113 §6.5.2)
  std::size_t start_line = 16384;
  std::size_t trailer_bytes = 8192;
};

std::string_view reason_phrase(std::uint16_t status);  // "" if unknown
// RFC 9110 §9.2.2 of the registered methods; an unknown method is not idempotent.
bool is_idempotent(std::string_view method);
// Whether a response may carry a body at all (RFC 9112 §6.3).
bool response_may_have_body(std::string_view request_method, std::uint16_t status);
// host[:port] of a name, an IPv4 address or a bracketed IPv6 address; no user info, no percent-encoding, not empty.
bool is_authority(std::string_view text);
// Fields that the encoders write themselves: Host, Connection, Content-Length and their like.
bool frames_message(std::string_view name);
// Framing, routing and hop-by-hop fields that must not stand in trailers (RFC 9110 §6.5.1).
bool forbidden_in_trailers(std::string_view name);

}  // namespace bulkhead::http
