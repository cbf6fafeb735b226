#pragma once

// Heads, chunks and trailers of HTTP/1.1 messages, appended to a buffer of the caller's. Framing comes from the
// message's members; a field that would not be legal on the wire, or that belongs to framing, is left out.

#include <string>
#include <string_view>

#include "http/message.hpp"

namespace bulkhead::http {

enum class H1Framing : std::uint8_t { none, sized, chunked, until_close };

// `te: trailers` is announced in Connection; a protocol makes Connection: upgrade. Returns how the body is framed.
H1Framing encode_request(const Request& request, std::string& out);

struct H1ResponseOptions {
  Version client = Version::http11;  // chunked is not for HTTP/1.0: the connection's end ends the body
  bool head_request = false;         // the length is told, no body follows
  bool keep_alive = true;            // else Connection: close
};
// Writes `upgrade: protocol` when the status is 101.
H1Framing encode_response(const Response& response, const H1ResponseOptions& options, std::string_view protocol,
                          std::string& out);

void encode_chunk_start(std::size_t size, std::string& out);  // the data and "\r\n" follow; size is above 0
inline constexpr std::string_view kChunkEnd = "\r\n";
void encode_last_chunk(const Fields& trailers, std::string& out);

}  // namespace bulkhead::http
