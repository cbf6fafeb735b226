#pragma once

// The bytes of one HTTP/1 connection, for both of its ends: what was received and not consumed, what is to be written.

#include <memory>
#include <string>
#include <string_view>

#include "net/event.hpp"
#include "net/gate.hpp"
#include "net/stream.hpp"
#include "net/task_memory.hpp"

namespace bulkhead::proxy {

class H1Channel {
 public:
  explicit H1Channel(net::Stream stream);
  H1Channel(const H1Channel&) = delete;
  H1Channel& operator=(const H1Channel&) = delete;

  net::Stream& stream() { return stream_; }
  net::Loop& loop() { return stream_.loop(); }

  // Views of what was received live until the next fill, append or release.
  std::string_view received() const { return {buffer_.get() + begin_, end_ - begin_}; }
  void consume(std::size_t size) { begin_ += size; }
  // Reads once, behind what is there. 0 is the peer's end.
  net::Task<Result<std::size_t>> fill(net::Deadline deadline);
  void append(std::string_view bytes);
  // An idle connection holds no buffer.
  void release();

  // What is appended here goes with the next write, or with a flush.
  std::string& out() { return out_; }
  // out(), then `body`, then `tail`, in one call to the kernel if it takes them. Writes that meet wait for each other.
  net::Task<Result<>> write(std::string_view body, std::string_view tail, net::Deadline deadline);
  // Writes out() at the end of the loop's batch unless something else did by then; the next write tells its fault.
  void flush_later(net::Duration timeout);
  // Whether a byte may have left.
  bool wrote() const { return wrote_; }
  void forget_wrote() { wrote_ = false; }

 private:
  void make_room();
  net::Task<> flush();

  net::Stream stream_;
  net::ShortBuffer buffer_;
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
  std::size_t first_capacity_;  // what this peer's last message wanted
  std::size_t largest_read_ = 0;
  std::string out_;
  std::string sending_;
  bool writing_ = false;
  bool wrote_ = false;
  Result<> state_;
  net::Duration flush_timeout_{};
  net::Notify written_;
  net::Deferred flush_;
  net::Gate gate_;
};

}  // namespace bulkhead::proxy
