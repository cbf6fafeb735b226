#include "http/hop.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "http/octets.hpp"

namespace bulkhead::http {
namespace {

bool belongs_to_a_hop(std::string_view name) {
  static constexpr std::array<std::string_view, 9> kNames{
      "connection",        "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
      "transfer-encoding", "upgrade",    "http2-settings"};
  return std::ranges::any_of(kNames, [&](std::string_view each) { return equal_ignoring_case(each, name); });
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

void append_quoted(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c >= 0x20 && c < 0x7f ? c : '?';
  }
  out += '"';
}

bool is_plain_node(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

// RFC 7239 §4: IPv6 in brackets, whatever is not a token quoted.
void append_node(std::string_view key, std::string_view node, std::string& out) {
  out.append(key).append("=");
  if (is_plain_node(node)) {
    out.append(node);
  } else if (node.find(':') != std::string_view::npos && key == "for") {
    append_quoted(fmt::format("[{}]", node), out);
  } else {
    append_quoted(node, out);
  }
}

}  // namespace

void strip_hop_by_hop(Fields& fields) {
  const bool trailers = fields.lists("te", "trailers");
  std::vector<std::string> listed;
  for (const std::string_view value : fields.all("connection"))
    for_each_member(value, [&](std::string_view member) { listed.emplace_back(member); });
  fields.remove_if([&](const Field& field) {
    if (belongs_to_a_hop(field.name)) return true;
    return std::ranges::any_of(listed, [&](const std::string& name) { return equal_ignoring_case(name, field.name); });
  });
  if (trailers) fields.add("te", "trailers");
}

void join_cookies(Fields& fields) {
  if (fields.count("cookie") > 1) fields.set("cookie", fields.joined("cookie", "; "));
}

void strip_forwarded(Fields& fields) {
  fields.remove_if([](const Field& field) {
    return equal_ignoring_case(field.name, "forwarded") || equal_ignoring_case(field.name, "x-real-ip") ||
           starts_with_ignoring_case(field.name, "x-forwarded-");
  });
}

void set_forwarded(Fields& fields, const ForwardedFrom& from) {
  strip_forwarded(fields);
  static thread_local std::string forwarded;  // its memory is for the next request
  forwarded.clear();
  append_node("for", from.client, forwarded);
  forwarded += ';';
  append_node("host", from.host, forwarded);
  forwarded.append(";proto=").append(from.scheme);
  fields.add("forwarded", forwarded);
  fields.add("x-forwarded-for", from.client);
  fields.add("x-forwarded-proto", from.scheme);
  fields.add("x-forwarded-host", from.host);
}

std::string format_proxy_status(const ProxyStatus& status) {
  std::string out;
  if (is_token(status.proxy) && !is_digit(status.proxy.front())) {
    out.append(status.proxy);
  } else {
    append_quoted(status.proxy, out);
  }
  if (!status.error.empty()) out.append("; error=").append(status.error);
  if (!status.next_hop.empty()) append_quoted(status.next_hop, out.append("; next-hop="));
  if (!status.details.empty()) append_quoted(status.details, out.append("; details="));
  return out;
}

}  // namespace bulkhead::http
