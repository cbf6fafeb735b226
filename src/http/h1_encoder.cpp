#include "http/h1_encoder.hpp"

#include <array>
#include <charconv>

#include <fmt/format.h>

namespace bulkhead::http {
namespace {

void append_field(std::string_view name, std::string_view value, std::string& out) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void append_number(std::uint64_t number, int base, std::string& out) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base);
  out.append(digits.data(), end.ptr);
}

void append_fields(const Fields& fields, std::string& out) {
  for (const Field field : fields) {
    if (frames_message(field.name) || !is_token(field.name) || !is_field_value(field.value)) continue;
    append_field(field.name, field.value, out);
  }
}

// RFC 9110 §8.6: a request of these without a body says so.
bool expects_length(std::string_view method) { return method == "POST" || method == "PUT" || method == "PATCH"; }

void append_length(std::uint64_t length, std::string& out) {
  out.append("Content-Length: ");
  append_number(length, 10, out);
  out.append("\r\n");
}

}  // namespace

H1Framing encode_request(const Request& request, std::string& out) {
  out.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
  append_field("Host", request.authority, out);
  append_fields(request.fields, out);
  if (!request.protocol.empty()) {
    append_field("Upgrade", request.protocol, out);
    append_field("Connection", request.fields.has("te") ? "upgrade, TE" : "upgrade", out);
    out.append("\r\n");
    return H1Framing::none;
  }
  if (request.fields.has("te")) append_field("Connection", "TE", out);
  H1Framing framing = H1Framing::none;
  if (request.body && !request.content_length) {
    append_field("Transfer-Encoding", "chunked", out);
    framing = H1Framing::chunked;
  } else if (request.content_length || expects_length(request.method)) {
    append_length(request.content_length.value_or(0), out);
    framing = request.body ? H1Framing::sized : H1Framing::none;
  }
  out.append("\r\n");
  return framing;
}

H1Framing encode_response(const Response& response, const H1ResponseOptions& options, std::string_view protocol,
                          std::string& out) {
  out.append("HTTP/1.1 ");
  append_number(response.status, 10, out);
  out.append(" ").append(reason_phrase(response.status)).append("\r\n");
  append_fields(response.fields, out);
  if (response.status == 101) {
    append_field("Upgrade", protocol, out);
    out.append("Connection: upgrade\r\n\r\n");
    return H1Framing::until_close;
  }
  if (response.interim()) {
    out.append("\r\n");
    return H1Framing::none;
  }
  H1Framing framing = H1Framing::none;
  const bool may_have_body = response_may_have_body(options.head_request ? "HEAD" : "", response.status);
  if (!may_have_body) {
    if (response.content_length && response.status != 204) append_length(*response.content_length, out);
  } else if (response.content_length || !response.body) {
    append_length(response.content_length.value_or(0), out);
    framing = response.body ? H1Framing::sized : H1Framing::none;
  } else if (options.client == Version::http11) {
    out.append("Transfer-Encoding: chunked\r\n");
    framing = H1Framing::chunked;
  } else {
    framing = H1Framing::until_close;
  }
  if (!options.keep_alive || framing == H1Framing::until_close) {
    out.append("Connection: close\r\n");
  } else if (options.client == Version::http10) {
    out.append("Connection: keep-alive\r\n");
  }
  out.append("\r\n");
  return framing;
}

void encode_chunk_start(std::size_t size, std::string& out) {
  append_number(size, 16, out);
  out.append("\r\n");
}

void encode_last_chunk(const Fields& trailers, std::string& out) {
  out.append("0\r\n");
  for (const Field field : trailers) {
    if (forbidden_in_trailers(field.name) || !is_token(field.name) || !is_field_value(field.value)) continue;
    append_field(field.name, field.value, out);
  }
  out.append("\r\n");
}

}  // namespace bulkhead::http
