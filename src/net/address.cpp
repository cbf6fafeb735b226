#include "net/address.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <functional>

#include <arpa/inet.h>

namespace bulkhead::net {
namespace {

constexpr std::size_t kPathOffset = offsetof(sockaddr_un, sun_path);
constexpr std::string_view kUnixPrefix = "unix:";

Result<std::uint16_t> parse_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) {
    return fail(Cause::invalid, "\"{}\" is not a port from 0 to 65535", text);
  }
  unsigned port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return fail(Cause::invalid, "\"{}\" is not a port from 0 to 65535", text);
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  if (port > 65535) return fail(Cause::invalid, "\"{}\" is not a port from 0 to 65535", text);
  return static_cast<std::uint16_t>(port);
}

// inet_ntop goes through printf for what each request is told about its client.
std::string ipv4_text(const in_addr& address) {
  std::array<std::uint8_t, 4> bytes{};
  std::memcpy(bytes.data(), &address, sizeof bytes);
  std::array<char, INET_ADDRSTRLEN> text{};
  char* end = text.data();
  for (const std::uint8_t byte : bytes) {
    end = std::to_chars(end, text.data() + text.size(), byte).ptr;
    *end++ = '.';
  }
  return {text.data(), end - 1};
}

struct Network {
  std::uint32_t prefix;
  int bits;
  Scope scope;
};

// RFC 6890 and the IANA special-purpose registry; what is not listed is global.
constexpr Network kNetworks[] = {
    {0x00000000, 8, Scope::reserved},     {0x0A000000, 8, Scope::private_use}, {0x64400000, 10, Scope::private_use},
    {0x7F000000, 8, Scope::loopback},     {0xA9FE0000, 16, Scope::link_local}, {0xAC100000, 12, Scope::private_use},
    {0xC0000000, 24, Scope::reserved},    {0xC0000200, 24, Scope::reserved},   {0xC0586300, 24, Scope::reserved},
    {0xC0A80000, 16, Scope::private_use}, {0xC6120000, 15, Scope::reserved},   {0xC6336400, 24, Scope::reserved},
    {0xCB007100, 24, Scope::reserved},    {0xE0000000, 3, Scope::reserved},
};

Scope scope_of_v4(std::uint32_t address) {
  for (const Network& network : kNetworks) {
    if (((address ^ network.prefix) >> (32 - network.bits)) == 0) return network.scope;
  }
  return Scope::global;
}

std::uint32_t read_be32(const std::uint8_t* bytes) {
  return static_cast<std::uint32_t>(bytes[0]) << 24U | static_cast<std::uint32_t>(bytes[1]) << 16U |
         static_cast<std::uint32_t>(bytes[2]) << 8U | bytes[3];
}

Scope scope_of_v6(const std::uint8_t (&bytes)[16]) {
  static constexpr std::uint8_t kZeros[16] = {};
  static constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  static constexpr std::uint8_t kNat64[12] = {0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0};
  if (std::memcmp(bytes, kZeros, 15) == 0) return bytes[15] == 1 ? Scope::loopback : Scope::reserved;
  if (std::memcmp(bytes, kMapped, 12) == 0 || std::memcmp(bytes, kNat64, 12) == 0)
    return scope_of_v4(read_be32(bytes + 12));
  if (std::memcmp(bytes, kZeros, 12) == 0) return Scope::reserved;  // IPv4-compatible, deprecated
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return scope_of_v4(read_be32(bytes + 2));
  if (bytes[0] == 0xFE && (bytes[1] & 0xC0U) == 0x80) return Scope::link_local;
  if ((bytes[0] & 0xFEU) == 0xFC || (bytes[0] == 0xFE && (bytes[1] & 0xC0U) == 0xC0)) return Scope::private_use;
  if (bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0x0D && bytes[3] == 0xB8) return Scope::reserved;
  if (bytes[0] == 0x20 && bytes[1] == 0x01 && (bytes[2] & 0xFEU) == 0) return Scope::reserved;  // Teredo and others
  return (bytes[0] & 0xE0U) == 0x20 ? Scope::global : Scope::reserved;
}

}  // namespace

Address::Address() : size_(kPathOffset) {
  std::memset(&storage_, 0, sizeof storage_);
  storage_.any.sa_family = AF_UNIX;
}

Result<Address> Address::parse(std::string_view text) {
  if (text.starts_with(kUnixPrefix)) return unix_socket(text.substr(kUnixPrefix.size()));
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return fail(Cause::invalid, "\"{}\" is not an address such as 127.0.0.1:80, [::1]:80 or unix:/path", text);
  }
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) return fail(within(text, port.error()));
  const std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  const auto address = ip(bracketed ? host.substr(1, host.size() - 2) : host, *port);
  if (!address) return address;
  if (bracketed != (address->family() == AF_INET6)) {
    return fail(Cause::invalid, "\"{}\" is not an address such as 127.0.0.1:80 or [::1]:80", text);
  }
  return address;
}

Result<Address> Address::unix_socket(std::string_view path) {
  if (path.empty() || path.find('\0') != std::string_view::npos) {
    return fail(Cause::invalid, "a Unix socket needs a path that is not empty and has no NUL");
  }
  Address address;
  if (path.size() >= sizeof address.storage_.unix_path.sun_path) {
    return fail(Cause::invalid, "the path of a Unix socket may have {} bytes; {} has {}",
                sizeof address.storage_.unix_path.sun_path - 1, path, path.size());
  }
  std::memcpy(address.storage_.unix_path.sun_path, path.data(), path.size());
  address.size_ = static_cast<socklen_t>(kPathOffset + path.size() + 1);
  return address;
}

Result<Address> Address::ip(std::string_view ip, std::uint16_t port) {
  const std::string text(ip);
  Address address;
  if (text.find('\0') == std::string::npos) {
    if (::inet_pton(AF_INET, text.c_str(), &address.storage_.v4.sin_addr) == 1) {
      address.storage_.v4.sin_family = AF_INET;
      address.storage_.v4.sin_port = htons(port);
      address.size_ = sizeof(sockaddr_in);
      return address;
    }
    if (::inet_pton(AF_INET6, text.c_str(), &address.storage_.v6.sin6_addr) == 1) {
      address.storage_.v6.sin6_family = AF_INET6;
      address.storage_.v6.sin6_port = htons(port);
      address.size_ = sizeof(sockaddr_in6);
      return address;
    }
  }
  return fail(Cause::invalid, "\"{}\" is not an IP address", ip);
}

Address Address::ipv4(std::uint32_t host_order, std::uint16_t port) {
  Address address;
  address.storage_.v4.sin_family = AF_INET;
  address.storage_.v4.sin_port = htons(port);
  address.storage_.v4.sin_addr.s_addr = htonl(host_order);
  address.size_ = sizeof(sockaddr_in);
  return address;
}

Result<Address> Address::from(const sockaddr* any, socklen_t size) {
  Address address;
  if (size < sizeof(sa_family_t) || size > sizeof address.storage_) return fail(Cause::invalid, "not a socket address");
  const sa_family_t family = any->sa_family;
  const bool fits = family == AF_UNIX || (family == AF_INET && size >= sizeof(sockaddr_in)) ||
                    (family == AF_INET6 && size >= sizeof(sockaddr_in6));
  if (!fits) return fail(Cause::unsupported, "address family {} is not supported", family);
  std::memcpy(&address.storage_, any, size);
  address.size_ = family == AF_INET ? sizeof(sockaddr_in) : family == AF_INET6 ? sizeof(sockaddr_in6) : size;
  return address;
}

std::uint16_t Address::port() const {
  if (family() == AF_INET) return ntohs(storage_.v4.sin_port);
  if (family() == AF_INET6) return ntohs(storage_.v6.sin6_port);
  return 0;
}

Address Address::with_port(std::uint16_t port) const {
  Address address = *this;
  if (family() == AF_INET) address.storage_.v4.sin_port = htons(port);
  if (family() == AF_INET6) address.storage_.v6.sin6_port = htons(port);
  return address;
}

std::string Address::ip_text() const {
  if (is_unix()) return {};
  if (family() == AF_INET) return ipv4_text(storage_.v4.sin_addr);
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(AF_INET6, &storage_.v6.sin6_addr, text, sizeof text);
  return text;
}

std::string Address::path() const {
  if (!is_unix() || size_ <= kPathOffset) return {};
  const char* path = storage_.unix_path.sun_path;
  const std::size_t size = size_ - kPathOffset;
  if (path[0] == '\0') return {};  // abstract: not a path
  return std::string(path, ::strnlen(path, size));
}

Scope Address::scope() const {
  if (family() == AF_INET) return scope_of_v4(ntohl(storage_.v4.sin_addr.s_addr));
  if (family() == AF_INET6) return scope_of_v6(storage_.v6.sin6_addr.s6_addr);
  return Scope::global;
}

std::string Address::text() const {
  if (is_unix()) return fmt::format("{}{}", kUnixPrefix, path());
  if (family() == AF_INET6) return fmt::format("[{}]:{}", ip_text(), port());
  return fmt::format("{}:{}", ip_text(), port());
}

bool operator==(const Address& left, const Address& right) {
  if (left.family() != right.family()) return false;
  if (left.is_unix()) return left.path() == right.path();
  if (left.port() != right.port()) return false;
  if (left.family() == AF_INET) return left.storage_.v4.sin_addr.s_addr == right.storage_.v4.sin_addr.s_addr;
  return std::memcmp(&left.storage_.v6.sin6_addr, &right.storage_.v6.sin6_addr, sizeof(in6_addr)) == 0;
}

}  // namespace bulkhead::net

std::size_t std::hash<bulkhead::net::Address>::operator()(const bulkhead::net::Address& address) const noexcept {
  if (address.is_unix()) return std::hash<std::string>()(address.path());
  std::string_view octets;
  if (address.family() == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in*>(address.data())->sin_addr;
    octets = {reinterpret_cast<const char*>(&in), sizeof in};
  } else {
    const auto& in = reinterpret_cast<const sockaddr_in6*>(address.data())->sin6_addr;
    octets = {reinterpret_cast<const char*>(&in), sizeof in};
  }
  constexpr std::size_t kOdd = 0x9e3779b97f4a7c15;
  return std::hash<std::string_view>()(octets) ^ (address.port() * kOdd);
}
