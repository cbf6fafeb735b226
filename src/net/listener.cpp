#include "net/listener.hpp"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/stream_source.hpp"

namespace bulkhead::net {
namespace {

using namespace std::chrono_literals;

constexpr auto kPauseWithoutDescriptors = 20ms;

Result<> set_number(int fd, int level, int option, int value, const char* name) {
  if (::setsockopt(fd, level, option, &value, sizeof value) != 0) return os_fail(fmt::format("set {}", name));
  return {};
}

Result<> set_flag(int fd, int level, int option, const char* name) { return set_number(fd, level, option, 1, name); }

// Whether somebody listens on a Unix path.
bool answers(const Address& address, int type) {
  const Fd probe(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return ::connect(probe.get(), address.data(), address.size()) == 0 || errno == EAGAIN;
}

Result<> remove_stale(const Address& address, int type) {
  const std::string path = address.path();
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return {};
  if (!S_ISSOCK(info.st_mode)) return fail(Cause::conflict, "{} exists and is not a socket", path);
  if (answers(address, type)) return fail(Cause::conflict, "somebody listens on {} already", path);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return os_fail(fmt::format("remove the stale socket {}", path));
  return {};
}

Result<> set_options(int fd, const Address& address, const ListenOptions& options) {
  if (address.is_unix()) return {};
  if (const auto set = set_flag(fd, SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR"); !set) return set;
  if (options.reuse_port) {
    if (const auto set = set_flag(fd, SOL_SOCKET, SO_REUSEPORT, "SO_REUSEPORT"); !set) return set;
  }
  if (address.family() == AF_INET6) {
    if (const auto set = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, "IPV6_V6ONLY"); !set) return set;
  }
  if (!options.transparent) return {};
  return address.family() == AF_INET ? set_flag(fd, IPPROTO_IP, IP_TRANSPARENT, "IP_TRANSPARENT")
                                     : set_flag(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, "IPV6_TRANSPARENT");
}

bool is_about_one_connection(int error) {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EPERM: return true;
    default: return false;
  }
}

bool is_lack(int error) { return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM; }

}  // namespace

Result<Fd> open_listening_socket(const Address& address, const ListenOptions& options) {
  const int type = options.seqpacket ? SOCK_SEQPACKET : SOCK_STREAM;
  if (address.is_unix()) {
    if (const auto removed = remove_stale(address, type); !removed) return fail(removed.error());
  }
  Fd fd(::socket(address.family(), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return os_fail("make a socket");
  if (const auto set = set_options(fd.get(), address, options); !set) return fail(set.error());
  // Nobody connects before listen(), so there is no moment at which the path has a wider mode and answers.
  if (::bind(fd.get(), address.data(), address.size()) != 0)
    return os_fail(fmt::format("listen on {}", address.text()));
  if (address.is_unix() && ::chmod(address.path().c_str(), options.mode) != 0) {
    return os_fail(fmt::format("set the mode of {}", address.path()));
  }
  if (::listen(fd.get(), options.backlog) != 0) return os_fail(fmt::format("listen on {}", address.text()));
  return fd;
}

Result<Listener> Listener::open(Loop& loop, const Address& address, const ListenOptions& options) {
  auto fd = open_listening_socket(address, options);
  if (!fd) return fail(fd.error());
  auto listener = adopt(loop, std::move(*fd));
  if (listener) listener->path_ = address.path();
  return listener;
}

Result<Listener> Listener::adopt(Loop& loop, Fd listening) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto* any = reinterpret_cast<sockaddr*>(&storage);
  if (::getsockname(listening.get(), any, &size) != 0) return os_fail("adopt a listening socket");
  const auto address = Address::from(any, size);
  if (!address) return fail(address.error());
  // Accepted sockets inherit it. Whoever opened this one (a keeper, a service manager) may not have thought of it.
  if (address->is_ip()) {
    if (const auto set = set_flag(listening.get(), IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY"); !set)
      return fail(set.error());
    if (const auto set = set_number(listening.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, StreamSource::kLeastUnsent,
                                    "TCP_NOTSENT_LOWAT");
        !set)
      return fail(set.error());
  }
  auto watch = Watch::adopt(loop, std::move(listening));
  if (!watch) return fail(watch.error());
  Listener listener;
  listener.watch_ = std::move(*watch);
  listener.address_ = *address;
  return listener;
}

Listener& Listener::operator=(Listener&& other) noexcept {
  if (this == &other) return *this;
  close();
  watch_ = std::move(other.watch_);
  address_ = other.address_;
  path_ = std::exchange(other.path_, {});
  return *this;
}

void Listener::own_path() {
  if (address_.is_unix()) path_ = address_.path();
}

void Listener::close() {
  if (!watch_) return;
  if (!path_.empty()) ::unlink(path_.c_str());
  watch_.close();
}

Task<Result<Fd>> Listener::accept_fd() {
  while (true) {
    const auto ready = co_await watch_.readable(Deadline::never());
    if (!ready) co_return fail(ready.error());
    Fd fd(::accept4(watch_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) co_return fd;
    if (errno == EAGAIN) {
      watch_.not_readable();
    } else if (is_lack(errno)) {
      const Deadline pause = watch_.loop().in(kPauseWithoutDescriptors);
      co_await sleep(watch_.loop(), pause);
    } else if (!is_about_one_connection(errno)) {
      co_return os_fail("accept");
    }
  }
}

Task<Result<Stream>> Listener::accept() {
  auto fd = co_await accept_fd();
  if (!fd) co_return fail(fd.error());
  co_return Stream::accepted(watch_.loop(), std::move(*fd));
}

}  // namespace bulkhead::net
