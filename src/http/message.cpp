#include "http/message.hpp"

#include <algorithm>
#include <array>

#include "http/octets.hpp"

namespace bulkhead::http {
namespace {

bool is_name_octet(char c) { return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~'; }
bool is_v6_octet(char c) { return hex_value(c) >= 0 || c == ':' || c == '.'; }

bool is_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || !std::ranges::all_of(text, is_digit)) return false;
  unsigned value = 0;
  for (const char c : text) value = value * 10 + static_cast<unsigned>(c - '0');
  return value <= 65535;
}

}  // namespace

std::string_view reason_phrase(std::uint16_t status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 103: return "Early Hints";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 203: return "Non-Authoritative Information";
    case 204: return "No Content";
    case 205: return "Reset Content";
    case 206: return "Partial Content";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 425: return "Too Early";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "";
  }
}

bool is_idempotent(std::string_view method) {
  static constexpr std::array<std::string_view, 6> kMethods{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
  return std::ranges::find(kMethods, method) != kMethods.end();
}

bool response_may_have_body(std::string_view request_method, std::uint16_t status) {
  return request_method != "HEAD" && status >= 200 && status != 204 && status != 304;
}

bool is_authority(std::string_view text) {
  if (text.empty()) return false;
  if (text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || close < 3) return false;
    if (!std::ranges::all_of(text.substr(1, close - 1), is_v6_octet)) return false;
    const std::string_view rest = text.substr(close + 1);
    return rest.empty() || (rest.front() == ':' && is_port(rest.substr(1)));
  }
  const std::size_t colon = text.find(':');
  const std::string_view host = text.substr(0, colon);
  if (host.empty() || !std::ranges::all_of(host, is_name_octet)) return false;
  return colon == std::string_view::npos || is_port(text.substr(colon + 1));
}

bool frames_message(std::string_view name) {
  switch (name.size()) {
    case 4: return equal_ignoring_case(name, "host");
    case 6: return equal_ignoring_case(name, "expect");
    case 7: return equal_ignoring_case(name, "upgrade");
    case 10: return equal_ignoring_case(name, "connection") || equal_ignoring_case(name, "keep-alive");
    case 14: return equal_ignoring_case(name, "content-length");
    case 17: return equal_ignoring_case(name, "transfer-encoding");
    default: return false;
  }
}

bool forbidden_in_trailers(std::string_view name) {
  static constexpr std::array<std::string_view, 25> kNames{"authorization",
                                                           "cache-control",
                                                           "connection",
                                                           "content-encoding",
                                                           "content-length",
                                                           "content-range",
                                                           "content-type",
                                                           "cookie",
                                                           "expect",
                                                           "forwarded",
                                                           "host",
                                                           "keep-alive",
                                                           "max-forwards",
                                                           "proxy-authenticate",
                                                           "proxy-authorization",
                                                           "proxy-connection",
                                                           "range",
                                                           "set-cookie",
                                                           "te",
                                                           "trailer",
                                                           "transfer-encoding",
                                                           "upgrade",
                                                           "traceparent",
                                                           "txn-token",
                                                           "x-forwarded-for"};
  return std::ranges::any_of(kNames, [&](std::string_view each) { return equal_ignoring_case(each, name); });
}

}  // namespace bulkhead::http
