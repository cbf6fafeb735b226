#include "net/datagram.hpp"

namespace bulkhead::net {

Result<Fd> open_datagram_socket(const Address& address) {
  Fd fd(::socket(address.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return os_fail("make a socket");
  if (::bind(fd.get(), address.data(), address.size()) != 0) return os_fail(fmt::format("bind to {}", address.text()));
  return fd;
}

Result<Datagram> Datagram::open(Loop& loop, const Address& address) {
  auto fd = open_datagram_socket(address);
  if (!fd) return fail(fd.error());
  return adopt(loop, std::move(*fd));
}

Result<Datagram> Datagram::adopt(Loop& loop, Fd fd) {
  auto watch = Watch::adopt(loop, std::move(fd));
  if (!watch) return fail(watch.error());
  return Datagram(std::move(*watch));
}

Task<Result<Datagram::Received>> Datagram::receive_from(std::span<char> buffer, Deadline deadline) {
  while (true) {
    const auto ready = co_await watch_.readable(deadline);
    if (!ready) co_return fail(ready.error());
    sockaddr_storage from{};
    socklen_t from_size = sizeof from;
    auto* any = reinterpret_cast<sockaddr*>(&from);
    const ssize_t size = ::recvfrom(watch_.fd(), buffer.data(), buffer.size(), MSG_TRUNC, any, &from_size);
    if (size >= 0) {
      const auto address = Address::from(any, from_size);
      const auto count = static_cast<std::size_t>(size);
      if (address && count <= buffer.size()) co_return Received{count, *address};
    } else if (errno == EAGAIN) {
      watch_.not_readable();
    } else if (errno != EINTR && errno != ECONNREFUSED) {  // refused: what an earlier send met
      co_return os_fail("receive a datagram");
    }
  }
}

Result<> Datagram::send_to(std::string_view bytes, const Address& to) {
  if (!watch_) return fail(Cause::closed, "closed by this side");
  while (::sendto(watch_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL, to.data(), to.size()) < 0) {
    if (errno == EAGAIN || errno == ENOBUFS) return {};
    if (errno != EINTR) return os_fail(fmt::format("send to {}", to.text()));
  }
  return {};
}

Address Datagram::address() const {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto* any = reinterpret_cast<sockaddr*>(&storage);
  if (::getsockname(watch_.fd(), any, &size) != 0) return {};
  const auto address = Address::from(any, size);
  return address ? *address : Address{};
}

}  // namespace bulkhead::net
