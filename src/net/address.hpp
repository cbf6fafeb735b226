#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/result.hpp"

namespace bulkhead::net {

// Whom an IP address reaches (RFC 6890 and its registries). IPv4 inside IPv6 (mapped, NAT64, 6to4) counts as that IPv4.
enum class Scope : std::uint8_t {
  global,
  loopback,
  private_use,  // RFC 1918, shared address space, unique local
  link_local,   // includes the clouds' metadata service 169.254.169.254
  reserved,     // unspecified, multicast, broadcast, documentation, benchmarking
};

// The address of a socket: a Unix path, or IPv4 or IPv6 with a port. A value; two are equal when they mean the same.
class Address {
 public:
  // "unix:/run/x.sock", "127.0.0.1:80", "[::1]:80". Strict: no names, no leading zeros, no zone, port 0 to 65535.
  static Result<Address> parse(std::string_view text);
  // A path in the file system; refuses what does not fit 108 bytes, is empty, or has a NUL.
  static Result<Address> unix_socket(std::string_view path);
  // `ip` is "127.0.0.1" or "::1", without brackets.
  static Result<Address> ip(std::string_view ip, std::uint16_t port);
  static Address ipv4(std::uint32_t host_order, std::uint16_t port);
  static Address loopback(std::uint16_t port) { return ipv4(INADDR_LOOPBACK, port); }
  static Result<Address> from(const sockaddr* address, socklen_t size);

  Address();  // an unnamed Unix socket

  bool is_unix() const { return family() == AF_UNIX; }
  bool is_ip() const { return !is_unix(); }
  sa_family_t family() const { return storage_.any.sa_family; }
  std::uint16_t port() const;   // 0 for Unix
  std::string ip_text() const;  // empty for Unix
  std::string path() const;     // empty for IP and for unnamed Unix sockets
  Address with_port(std::uint16_t port) const;
  Scope scope() const;  // global for Unix
  // What parse() takes.
  std::string text() const;

  const sockaddr* data() const { return &storage_.any; }
  socklen_t size() const { return size_; }

  friend bool operator==(const Address& left, const Address& right);

 private:
  union Storage {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_un unix_path;
  };
  Storage storage_;
  socklen_t size_;
};

}  // namespace bulkhead::net

template <>
struct std::hash<bulkhead::net::Address> {
  std::size_t operator()(const bulkhead::net::Address& address) const noexcept;
};
