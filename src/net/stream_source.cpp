#include "net/stream_source.hpp"

#include <algorithm>
#include <climits>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace bulkhead::net {

bool Pieces::done() {
  while (!list.empty() && offset >= list.front().iov_len) {
    list = list.subspan(1);
    offset = 0;
  }
  return list.empty();
}

void Pieces::advance(std::size_t size) {
  while (size > 0) {
    const std::size_t left = list.front().iov_len - offset;
    if (size < left) {
      offset += size;
      return;
    }
    size -= left;
    list = list.subspan(1);
    offset = 0;
  }
}

Fault connection_fault(const char* doing, int error) { return os_fault(doing, error); }

StreamSource::~StreamSource() { tls.reset(); }

ssize_t StreamSource::receive(char* buffer, std::size_t size) {
  if (!readable) {
    errno = EAGAIN;
    return -1;
  }
  while (true) {
    const ssize_t count = ::recv(fd(), buffer, size, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) readable = false;
    // A short read emptied the socket; more bytes, or the end, come with an event of their own.
    if (count > 0 && static_cast<std::size_t>(count) < size && !ended) readable = false;
    return count;
  }
}

ssize_t StreamSource::transmit(const char* bytes, std::size_t size) {
  if (!writable) {
    errno = EAGAIN;
    return -1;
  }
  while (true) {
    const ssize_t count = ::send(fd(), bytes, size, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 ? errno == EAGAIN : static_cast<std::size_t>(count) < size) writable = false;
    if (count > 0 && until_more_unsent_ > 0) see_sent(static_cast<std::size_t>(count));
    return count;
  }
}

void StreamSource::see_sent(std::size_t count) {
  until_more_unsent_ -= std::min(count, until_more_unsent_);
  if (until_more_unsent_ == 0)  // where that fails it stays as it was
    ::setsockopt(fd(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kMostUnsent, sizeof kMostUnsent);
}

std::optional<Result<std::size_t>> StreamSource::try_read(std::span<char> buffer) {
  if (tls) return tls->read(buffer);
  const ssize_t count = receive(buffer.data(), buffer.size());
  if (count >= 0) return static_cast<std::size_t>(count);
  if (errno == EAGAIN) return std::nullopt;
  return fail(connection_fault("read", errno));
}

std::optional<Result<>> StreamSource::try_write(Pieces& pieces) {
  if (tls) return tls->write(pieces);
  return write_plain(pieces);
}

std::optional<Result<>> StreamSource::write_plain(Pieces& pieces) {
  while (!pieces.done()) {
    if (!writable) return std::nullopt;
    ssize_t count = 0;
    const std::size_t pieces_now = std::min<std::size_t>(pieces.list.size(), IOV_MAX);
    if (pieces_now == 1 || pieces.offset > 0) {
      const iovec& piece = pieces.list.front();
      count = transmit(static_cast<const char*>(piece.iov_base) + pieces.offset, piece.iov_len - pieces.offset);
    } else {
      msghdr message{};
      message.msg_iov = const_cast<iovec*>(pieces.list.data());
      message.msg_iovlen = pieces_now;
      count = ::sendmsg(fd(), &message, MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) writable = false;
    }
    if (count >= 0) {
      pieces.advance(static_cast<std::size_t>(count));
    } else if (errno != EAGAIN) {
      return fail(connection_fault("write", errno));
    }
  }
  return Result<>{};
}

}  // namespace bulkhead::net
