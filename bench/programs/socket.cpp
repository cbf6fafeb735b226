#include "socket.hpp"

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>

namespace bench {

namespace {

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

int open_socket(const Address& address) {
  const int fd = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  return fd;
}

Address unix_address(const std::string& path) {
  sockaddr_un at{.sun_family = AF_UNIX};
  if (path.size() >= sizeof at.sun_path) throw std::runtime_error(path + " is too long for a Unix socket");
  std::memcpy(at.sun_path, path.c_str(), path.size() + 1);
  Address result{.size = sizeof at};
  std::memcpy(&result.storage, &at, sizeof at);
  return result;
}

void no_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

Address resolve(const std::string& host, const std::string& port) {
  if (host.starts_with('/')) return unix_address(host);
  const addrinfo hints{.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0)
    throw std::runtime_error(host + ": " + ::gai_strerror(error));
  Address result{.size = found->ai_addrlen};
  std::memcpy(&result.storage, found->ai_addr, found->ai_addrlen);
  ::freeaddrinfo(found);
  return result;
}

int listen_at(const Address& address) {
  const int fd = open_socket(address);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0) fail("bind");
  if (::listen(fd, 4096) != 0) fail("listen");
  return fd;
}

int accept_from(int listener) {
  const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR) return -1;
    fail("accept4");
  }
  no_delay(fd);
  return fd;
}

int connect_to(const Address& address) {
  const int fd = open_socket(address);
  no_delay(fd);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0 && errno != EINPROGRESS) {
    ::close(fd);
    fail("connect");
  }
  return fd;
}

}  // namespace bench
