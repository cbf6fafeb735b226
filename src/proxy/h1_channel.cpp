#include "proxy/h1_channel.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/release.hpp"

namespace bulkhead::proxy {
namespace {

constexpr std::size_t kFirstBuffer = 4096;
constexpr std::size_t kSmall = 1024;  // a usual head
constexpr std::size_t kLargestBuffer = 64U << 10U;

iovec piece(std::string_view bytes) { return {const_cast<char*>(bytes.data()), bytes.size()}; }

}  // namespace

H1Channel::H1Channel(net::Stream stream)
    : stream_(std::move(stream)),
      first_capacity_(kFirstBuffer),
      written_(stream_.loop()),
      flush_(stream_.loop(),
             [this] {
               if (!out_.empty() && !writing_) gate_.spawn(flush());
             }),
      gate_(stream_.loop()) {}

// Grows while reads fill the buffer, so that bulk bodies take few calls and small messages little memory.
void H1Channel::make_room() {
  const std::size_t held = end_ - begin_;
  if (held == 0) begin_ = end_ = 0;
  if (buffer_ && end_ < capacity_) return;
  const std::size_t grown = !buffer_ ? first_capacity_ : std::max(std::min(capacity_ * 4, kLargestBuffer), held * 2);
  auto larger = net::make_short_buffer(grown);
  if (held > 0) std::memcpy(larger.get(), buffer_.get() + begin_, held);
  buffer_ = std::move(larger);
  capacity_ = grown;
  begin_ = 0;
  end_ = held;
}

net::Task<Result<std::size_t>> H1Channel::fill(net::Deadline deadline) {
  // A buffer that the last read filled to its end is too small for this peer.
  const bool was_full = buffer_ && end_ == capacity_ && begin_ == end_ && capacity_ < kLargestBuffer;
  if (was_full) {
    capacity_ = std::min(capacity_ * 4, kLargestBuffer);
    buffer_ = net::make_short_buffer(capacity_);
    begin_ = end_ = 0;
  }
  make_room();
  const std::span<char> room(buffer_.get() + end_, capacity_ - end_);
  const Result<std::size_t> size = co_await stream_.read(room, deadline);
  if (size) end_ += *size;
  if (size) largest_read_ = std::max(largest_read_, *size);
  co_return size;
}

void H1Channel::append(std::string_view bytes) {
  while (!bytes.empty()) {
    make_room();
    const std::size_t size = std::min(bytes.size(), capacity_ - end_);
    std::memcpy(buffer_.get() + end_, bytes.data(), size);
    end_ += size;
    bytes.remove_prefix(size);
  }
}

void H1Channel::release() {
  if (begin_ == end_) {
    if (capacity_ > first_capacity_) first_capacity_ = capacity_;
    if (largest_read_ < first_capacity_ / 4) first_capacity_ = kFirstBuffer;
    largest_read_ = 0;
    buffer_.reset();
    capacity_ = begin_ = end_ = 0;
  }
  if (out_.empty() && out_.capacity() > kSmall) bulkhead::release(out_);
  if (!writing_ && sending_.capacity() > kSmall) bulkhead::release(sending_);
}

net::Task<Result<>> H1Channel::write(std::string_view body, std::string_view tail, net::Deadline deadline) {
  while (writing_) {
    const Result<> free = co_await written_.wait(deadline);
    if (!free) co_return free;
  }
  if (!state_) co_return state_;
  sending_.clear();
  std::swap(sending_, out_);
  const std::array<iovec, 3> pieces{piece(sending_), piece(body), piece(tail)};
  if (sending_.empty() && body.empty() && tail.empty()) co_return Result<>{};
  writing_ = true;
  wrote_ = true;
  const Result<> written = co_await stream_.write(std::span(pieces), deadline);
  writing_ = false;
  if (!written) state_ = written;
  written_.notify_all();
  co_return written;
}

void H1Channel::flush_later(net::Duration timeout) {
  flush_timeout_ = timeout;
  flush_.schedule();
}

net::Task<> H1Channel::flush() {
  const net::Deadline deadline = stream_.loop().in(flush_timeout_);
  const Result<> written = co_await write({}, {}, deadline);
  if (!written) state_ = written;
}

}  // namespace bulkhead::proxy
