#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "net/stream.hpp"
#include "net/task.hpp"
#include "net/watch.hpp"

namespace bulkhead::net {

inline constexpr std::size_t kMaxFrame = 16U << 20U;
inline constexpr std::size_t kMaxFdsPerMessage = 16;

struct Frame {
  std::string payload;
  std::vector<Fd> fds;
};

// Frames over a Unix stream: four bytes of length, big-endian, then that many bytes (at most kMaxFrame), with file
// descriptors if any (SCM_RIGHTS, at most kMaxFdsPerMessage). Received descriptors are CLOEXEC.
class FrameChannel {
 public:
  explicit FrameChannel(Stream stream);
  FrameChannel(FrameChannel&&) noexcept;
  FrameChannel& operator=(FrameChannel&&) noexcept;
  ~FrameChannel();

  // Sends now or queues; never waits. Cause::exhausted when more than 4 × kMaxFrame wait already (the peer does not
  // read), or the frame is above the limits; Cause::closed after a failure, which also ends receive().
  Result<> send(std::string_view payload, std::vector<Fd> fds = {});
  // Until what was queued is written.
  Task<Result<>> flush(Deadline deadline);
  // The next frame. Cause::closed at the peer's end between frames, Cause::protocol inside one. A timeout between
  // frames leaves the channel usable. One at a time.
  Task<Result<Frame>> receive(Deadline deadline);
  // Only while open.
  Stream& stream();
  void close();

 private:
  class State;
  std::unique_ptr<State> state_;
};

// A connected pair of SOCK_SEQPACKET sockets: message boundaries, order, and an end that shows.
Result<std::pair<Fd, Fd>> seqpacket_pair();
// One message with descriptors. Blocks or not as the socket does: Cause::exhausted stands for EAGAIN. Empty messages
// are refused, as they read like the end.
Result<> send_message(int fd, std::string_view payload, std::span<const int> fds = {});
// Cause::closed at the end, Cause::exhausted for EAGAIN, Cause::protocol for one longer than `limit` or with too many
// descriptors (all of which are then closed).
Result<Frame> receive_message(int fd, std::size_t limit = 64U << 10U);

// The same with a loop.
class SeqPacket {
 public:
  SeqPacket() = default;
  static Result<SeqPacket> adopt(Loop& loop, Fd fd);
  // Never waits; a full backlog is Cause::unreachable.
  static Result<SeqPacket> connect(Loop& loop, const Address& address);

  explicit operator bool() const { return static_cast<bool>(watch_); }
  int fd() const { return watch_.fd(); }
  Task<Result<>> send(std::string payload, std::vector<Fd> fds, Deadline deadline);
  Task<Result<Frame>> receive(Deadline deadline);
  void close() { watch_.close(); }

 private:
  explicit SeqPacket(Watch watch) : watch_(std::move(watch)) {}
  Watch watch_;
};

}  // namespace bulkhead::net
