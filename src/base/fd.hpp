#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <unistd.h>

#include "base/result.hpp"

namespace bulkhead {

// Owns one file descriptor; closes it at the end of its life. -1 means none. Not shared between threads.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

// The whole of a regular file, at most `limit` bytes (Cause::exhausted above it).
Result<std::string> read_file(const std::string& path, std::size_t limit = 16U << 20U);

// Replaces `path` at once (temporary file beside it, fsync, rename), with permission bits `mode`.
Result<> write_file_atomically(const std::string& path, std::string_view content, unsigned mode = 0600);

// No file that was changed before has a later time, in nanoseconds since the epoch. What changes within a tick of the
// kernel after it may have an earlier one: some file systems are no finer.
std::int64_t file_time_ns();

// Makes `path` and its missing parents, each with permission bits `mode`; an existing directory is left as it is.
Result<> make_directories(const std::string& path, unsigned mode = 0700);

}  // namespace bulkhead
