#include "compartments/controller_link.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/release.hpp"
#include "compartments/rights.hpp"
#include "compartments/spec.hpp"

namespace bulkhead::compartments {
namespace {

// A service's secrets, each octet as \u0001. A guest's command is far smaller.
constexpr std::size_t kLargestFrame = 6 * kMostSecretOctets + (kMostSecretFiles << 11U);
constexpr std::size_t kKept = 64U << 10U;  // of the memory for frames, while none comes
constexpr std::size_t kMostQueued = 1024;
constexpr ControllerLink::Millis kLongestBackoff = 2000;

std::string frame(const std::string& payload) {
  const auto size = static_cast<std::uint32_t>(payload.size());
  std::string bytes;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) bytes += static_cast<char>(size >> shift);
  return bytes + payload;
}

Fd connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Fd();
  std::memcpy(address.sun_path, path.data(), path.size());
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket || connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return Fd();
  return socket;
}

}  // namespace

short ControllerLink::events() const { return outgoing_.empty() ? POLLIN : POLLIN | POLLOUT; }

std::optional<ControllerLink::Millis> ControllerLink::retry_at() const {
  if (path_.empty() || socket_) return std::nullopt;
  return next_try_;
}

void ControllerLink::tick(Millis now) {
  if (path_.empty() || socket_ || now < next_try_) return;
  socket_ = connect_to(path_);
  if (!socket_) return disconnect(now);
  backoff_ = 50;
  send(greet_());
}

void ControllerLink::disconnect(Millis now) {
  socket_.reset();
  outgoing_.clear();
  incoming_.clear();
  rights_.clear();
  next_try_ = now + backoff_;
  backoff_ = std::min(backoff_ * 2, kLongestBackoff);
}

std::vector<std::string> ControllerLink::on_ready(Millis now, short revents) {
  std::vector<std::string> frames;
  bool alive = true;
  if ((revents & POLLOUT) != 0) alive = write_some();
  if (alive && (revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
    alive = read_some();
    frames = take_frames();
    alive = alive && incoming_.size() <= kLargestFrame + 4;
  }
  if (!alive) disconnect(now);
  return frames;
}

void ControllerLink::send(const std::string& payload, std::vector<int> rights) {
  queue({frame(payload), std::move(rights), {}});
}

void ControllerLink::send(const std::string& payload, std::vector<Fd> rights) {
  std::vector<int> numbers;
  for (const auto& each : rights) numbers.push_back(each.get());
  queue({frame(payload), std::move(numbers), std::move(rights)});
}

void ControllerLink::queue(Outgoing outgoing) {
  if (!socket_) return;
  // A controller that doesn't read is treated like one that is away.
  if (outgoing_.size() >= kMostQueued) return void(shutdown(socket_.get(), SHUT_RDWR));
  outgoing_.push_back(std::move(outgoing));
  // A failure shows at the next poll.
  write_some();
}

bool ControllerLink::write_some() {
  while (!outgoing_.empty()) {
    Outgoing& next = outgoing_.front();
    const auto sent = send_with_rights(socket_.get(), std::as_bytes(std::span(next.bytes)), next.rights);
    if (!sent) return sent.error().cause == Cause::exhausted;
    next.rights.clear();
    next.owned.clear();
    next.bytes.erase(0, *sent);
    if (next.bytes.empty()) outgoing_.pop_front();
  }
  return true;
}

bool ControllerLink::read_some() {
  std::array<std::byte, 4096> chunk{};
  auto got = receive_with_rights(socket_.get(), chunk);
  if (!got) return got.error().cause == Cause::exhausted;
  if (got->size == 0) return false;
  incoming_.append(reinterpret_cast<const char*>(chunk.data()), got->size);
  if (!got->rights.empty()) rights_ = std::move(got->rights);
  return true;
}

std::vector<std::string> ControllerLink::take_frames() {
  std::vector<std::string> frames;
  while (incoming_.size() >= 4) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) size = size << 8U | static_cast<unsigned char>(incoming_[i]);
    if (size > kLargestFrame) {
      shutdown(socket_.get(), SHUT_RDWR);
      incoming_.clear();
      break;
    }
    if (incoming_.size() < 4 + size) break;
    frames.push_back(incoming_.substr(4, size));
    incoming_.erase(0, 4 + size);
  }
  if (incoming_.empty() && incoming_.capacity() > kKept) release(incoming_);
  return frames;
}

void ControllerLink::flush(Millis limit) {
  pollfd writable{socket_.get(), POLLOUT, 0};
  while (socket_ && !outgoing_.empty()) {
    if (poll(&writable, 1, static_cast<int>(limit)) != 1 || !write_some()) return;
  }
}

}  // namespace bulkhead::compartments
