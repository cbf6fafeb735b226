#include "net/frames.hpp"

#include <array>
#include <cstring>
#include <deque>

#include <sys/socket.h>

#include "net/event.hpp"
#include "net/gate.hpp"

namespace bulkhead::net {
namespace {

constexpr std::size_t kMaxQueued = 4 * kMaxFrame;
constexpr std::size_t kFirstRoom = 64U << 10U;
constexpr std::size_t kHeader = 4;
constexpr auto kStallLimit = std::chrono::seconds(30);
constexpr std::size_t kControlSpace = CMSG_SPACE(sizeof(int) * kMaxFdsPerMessage);

// sendmsg with descriptors; the count, or -1 with errno.
ssize_t send_with_fds(int socket, std::string_view bytes, std::span<const int> fds, int flags) {
  iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, kControlSpace> control{};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  }
  while (true) {
    const ssize_t count = ::sendmsg(socket, &message, MSG_NOSIGNAL | flags);
    if (count >= 0 || errno != EINTR) return count;
  }
}

void take_fds(msghdr& message, std::vector<Fd>& fds) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
      fds.emplace_back(fd);
    }
  }
}

// recvmsg with descriptors, which are appended to `fds`; the count, or -1 with errno. `flags` gets msg_flags.
ssize_t receive_with_fds(int socket, std::span<char> buffer, std::vector<Fd>& fds, int& flags) {
  iovec piece{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, kControlSpace> control;
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  while (true) {
    const ssize_t count = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return count;
    take_fds(message, fds);
    flags = message.msg_flags;
    return count;
  }
}

Result<> check_fds(std::size_t count) {
  if (count <= kMaxFdsPerMessage) return {};
  return fail(Cause::exhausted, "{} descriptors in one message, above the limit of {}", count, kMaxFdsPerMessage);
}

std::vector<int> numbers(const std::vector<Fd>& fds) {
  std::vector<int> result;
  result.reserve(fds.size());
  for (const Fd& fd : fds) result.push_back(fd.get());
  return result;
}

}  // namespace

// Outlives moves of the channel: the writer task refers to it.
class FrameChannel::State {
 public:
  explicit State(Stream stream) : stream_(std::move(stream)), flushed_(stream_.loop()), gate_(stream_.loop()) {}

  Result<> send(std::string_view payload, std::vector<Fd> fds);
  Task<Result<>> flush(Deadline deadline);
  Task<Result<Frame>> receive(Deadline deadline);
  void close() { stream_.close(); }

  Stream stream_;

 private:
  struct Outgoing {
    std::string bytes;
    std::vector<Fd> fds;
    std::size_t sent = 0;
  };
  // True when the queue is empty, false when the socket takes no more now.
  Result<bool> write_queued();
  Task<> write_rest();
  Task<Result<std::size_t>> fill(std::span<char> buffer, std::vector<Fd>& fds, Deadline first);

  std::deque<Outgoing> queue_;
  std::size_t queued_ = 0;
  bool writing_ = false;
  std::array<char, kHeader> header_{};
  Notify flushed_;
  Gate gate_;
};

Result<> FrameChannel::State::send(std::string_view payload, std::vector<Fd> fds) {
  if (!stream_) return fail(Cause::closed, "the channel is closed");
  if (payload.size() > kMaxFrame) {
    return fail(Cause::exhausted, "a frame of {} bytes, above the limit of {}", payload.size(), kMaxFrame);
  }
  if (const auto checked = check_fds(fds.size()); !checked) return checked;
  if (queued_ + payload.size() > kMaxQueued) return fail(Cause::exhausted, "the peer does not read");
  const auto size = static_cast<std::uint32_t>(payload.size());
  std::string bytes;
  bytes.reserve(kHeader + payload.size());
  for (const unsigned shift : {24U, 16U, 8U, 0U}) bytes.push_back(static_cast<char>(size >> shift));
  bytes += payload;
  queued_ += bytes.size();
  queue_.push_back({std::move(bytes), std::move(fds)});
  if (writing_) return {};
  const auto written = write_queued();
  if (!written) return fail(written.error());
  if (!*written) gate_.spawn(write_rest());
  return {};
}

Result<bool> FrameChannel::State::write_queued() {
  while (!queue_.empty()) {
    Outgoing& front = queue_.front();
    const auto fds = front.sent == 0 ? numbers(front.fds) : std::vector<int>{};
    const ssize_t count =
        send_with_fds(stream_.fd(), std::string_view(front.bytes).substr(front.sent), fds, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) {
      stream_.not_writable();
      return false;
    }
    if (count < 0) {
      const Fault fault = os_fault("send a frame");
      stream_.close();
      return fail(fault);
    }
    front.sent += static_cast<std::size_t>(count);
    queued_ -= static_cast<std::size_t>(count);
    if (front.sent == front.bytes.size()) queue_.pop_front();
  }
  return true;
}

Task<> FrameChannel::State::write_rest() {
  writing_ = true;
  while (true) {
    const auto ready = co_await stream_.wait_writable(Deadline::never());
    if (!ready) break;
    const auto written = write_queued();
    if (!written || *written) break;
  }
  writing_ = false;
  flushed_.notify_all();
}

Task<Result<>> FrameChannel::State::flush(Deadline deadline) {
  while (stream_ && !queue_.empty()) {
    const auto woken = co_await flushed_.wait(deadline);
    if (!woken) co_return fail(woken.error());
  }
  if (!queue_.empty()) co_return fail(Cause::closed, "the channel is closed");
  co_return {};
}

// Reads exactly `buffer`, never further, so that descriptors belong to the frame whose first byte they came with. A
// peer that stops inside is given up.
Task<Result<std::size_t>> FrameChannel::State::fill(std::span<char> buffer, std::vector<Fd>& fds, Deadline first) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const Deadline deadline = filled == 0 ? first : stream_.loop().in(kStallLimit);
    const auto ready = co_await stream_.wait_readable(deadline);
    if (!ready) co_return fail(ready.error());
    int flags = 0;
    const ssize_t count = receive_with_fds(stream_.fd(), buffer.subspan(filled), fds, flags);
    if (count < 0 && errno == EAGAIN) {
      stream_.not_readable();
      continue;
    }
    if (count < 0) co_return os_fail("receive a frame");
    if ((flags & MSG_CTRUNC) != 0) co_return fail(Cause::protocol, "descriptors of a frame were lost");
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  co_return filled;
}

Task<Result<Frame>> FrameChannel::State::receive(Deadline deadline) {
  Frame frame;
  const auto header = co_await fill(header_, frame.fds, deadline);
  if (!header) co_return fail(header.error());
  if (*header == 0) co_return fail(Cause::closed, "the peer ended the channel");
  std::size_t size = 0;
  for (const char byte : header_) size = size << 8U | static_cast<unsigned char>(byte);
  if (*header == kHeader && size > kMaxFrame) {
    close();
    co_return fail(Cause::protocol, "a frame of {} bytes, above the limit of {}", size, kMaxFrame);
  }
  const Deadline limit = stream_.loop().in(kStallLimit);
  bool whole = *header == kHeader;
  // Memory follows what has come, not what four bytes promise.
  for (std::size_t have = 0; whole && have < size; have = frame.payload.size()) {
    frame.payload.resize(std::min(size, have + std::max(have, kFirstRoom)));
    const auto body = co_await fill(std::span(frame.payload).subspan(have), frame.fds, limit);
    if (!body) {
      close();
      co_return fail(body.error());
    }
    whole = have + *body == frame.payload.size();
  }
  if (whole) co_return frame;
  close();
  co_return fail(Cause::protocol, "the peer ended inside a frame");
}

FrameChannel::FrameChannel(Stream stream) : state_(std::make_unique<State>(std::move(stream))) {}
FrameChannel::FrameChannel(FrameChannel&&) noexcept = default;
FrameChannel& FrameChannel::operator=(FrameChannel&&) noexcept = default;
FrameChannel::~FrameChannel() = default;

Result<> FrameChannel::send(std::string_view payload, std::vector<Fd> fds) {
  return state_->send(payload, std::move(fds));
}
Task<Result<>> FrameChannel::flush(Deadline deadline) { return state_->flush(deadline); }
Task<Result<Frame>> FrameChannel::receive(Deadline deadline) { return state_->receive(deadline); }
Stream& FrameChannel::stream() { return state_->stream_; }
void FrameChannel::close() { state_->close(); }

Result<std::pair<Fd, Fd>> seqpacket_pair() {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()) != 0) return os_fail("make a socket pair");
  return std::pair(Fd(fds[0]), Fd(fds[1]));
}

Result<> send_message(int fd, std::string_view payload, std::span<const int> fds) {
  if (payload.empty()) return fail(Cause::invalid, "an empty message would read like the end");
  if (const auto checked = check_fds(fds.size()); !checked) return checked;
  if (send_with_fds(fd, payload, fds, 0) >= 0) return {};
  if (errno == EAGAIN) return fail(Fault{Cause::exhausted, "the peer does not read", EAGAIN});
  return os_fail("send a message");
}

Result<Frame> receive_message(int fd, std::size_t limit) {
  Frame frame;
  frame.payload.resize(limit);
  int flags = 0;
  const ssize_t count = receive_with_fds(fd, frame.payload, frame.fds, flags);
  if (count < 0 && errno == EAGAIN) return fail(Fault{Cause::exhausted, "no message is there", EAGAIN});
  if (count < 0) return os_fail("receive a message");
  if (count == 0) return fail(Cause::closed, "the peer ended the channel");
  if ((flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    return fail(Cause::protocol, "a message above the limit of {} bytes", limit);
  frame.payload.resize(static_cast<std::size_t>(count));
  return frame;
}

Result<SeqPacket> SeqPacket::adopt(Loop& loop, Fd fd) {
  auto watch = Watch::adopt(loop, std::move(fd));
  if (!watch) return fail(watch.error());
  return SeqPacket(std::move(*watch));
}

Result<SeqPacket> SeqPacket::connect(Loop& loop, const Address& address) {
  Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return os_fail("make a socket");
  if (::connect(fd.get(), address.data(), address.size()) != 0) {
    Fault fault = os_fault(fmt::format("connect to {}", address.text()));
    if (fault.os_error == EAGAIN || fault.os_error == ENOENT) fault.cause = Cause::unreachable;
    return fail(std::move(fault));
  }
  return adopt(loop, std::move(fd));
}

Task<Result<>> SeqPacket::send(std::string payload, std::vector<Fd> fds, Deadline deadline) {
  const auto fd_numbers = numbers(fds);
  while (true) {
    const auto ready = co_await watch_.writable(deadline);
    if (!ready) co_return fail(ready.error());
    auto sent = send_message(watch_.fd(), payload, fd_numbers);
    if (sent || sent.error().os_error != EAGAIN) co_return sent;
    watch_.not_writable();
  }
}

Task<Result<Frame>> SeqPacket::receive(Deadline deadline) {
  while (true) {
    const auto ready = co_await watch_.readable(deadline);
    if (!ready) co_return fail(ready.error());
    auto received = receive_message(watch_.fd());
    if (received || received.error().os_error != EAGAIN) co_return received;
    watch_.not_readable();
  }
}

}  // namespace bulkhead::net
