#include <algorithm>

#include <arpa/inet.h>

#include "manifest/draft.hpp"

namespace bulkhead::manifest {

namespace {

bool is_label(std::string_view label) {
  auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; };
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::ranges::all_of(label, allowed);
}

}  // namespace

bool is_ipv4(std::string_view text) {
  in_addr address{};
  return inet_pton(AF_INET, std::string(text).c_str(), &address) == 1;
}

bool is_ipv6(std::string_view text) {
  in6_addr address{};
  return inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1;
}

bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  std::string_view last;
  for (std::size_t start = 0; start <= text.size();) {
    std::size_t end = std::min(text.find('.', start), text.size());
    last = text.substr(start, end - start);
    if (!is_label(last)) return false;
    start = end + 1;
  }
  // A last label that begins with a digit is read as a number by some resolvers: 127.1, 0x7f.1, 2130706433.
  return last.front() < '0' || last.front() > '9';
}

std::optional<HostPort> split_host_port(std::string_view text) {
  std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto port = parse_port(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  if (!port) return std::nullopt;
  if (!host.starts_with('['))
    return host.find(':') == std::string_view::npos ? std::optional(HostPort{std::string(host), *port}) : std::nullopt;
  if (!host.ends_with(']') || !is_ipv6(host.substr(1, host.size() - 2))) return std::nullopt;
  return HostPort{std::string(host.substr(1, host.size() - 2)), *port};
}

}  // namespace bulkhead::manifest
