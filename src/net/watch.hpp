#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "net/loop.hpp"

namespace bulkhead::net {

class Operation;

// One descriptor that is registered with a loop, edge-triggered: what is known of its readiness, and the one operation
// that waits in each direction. Readiness is assumed until an attempt shows otherwise, and returns with an event.
class Source {
 public:
  Source(Loop& loop, Fd fd) : loop_(loop), fd_(std::move(fd)) {}
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source();

  Loop& loop() const { return loop_; }
  int fd() const { return fd_.get(); }
  bool closed() const { return !fd_; }
  // Leaves the loop and closes the descriptor. What waits is resumed after the current events with Cause::closed.
  void close();
  // Leaves the loop and gives the descriptor away.
  Fd release();

  void on_events(std::uint32_t events);

  bool readable = true;
  bool writable = true;
  bool ended = false;  // a stream's peer will send no more: reading never blocks again

 protected:
  // The waiting reader cannot go on before the socket is writable (TLS answers inside reads).
  bool reader_needs_writable_ = false;

 private:
  friend class Operation;
  friend class Loop;
  void resume_if_complete(Operation* Source::* slot);
  void fail_waiting();

  Loop& loop_;
  Fd fd_;
  Operation* reader_ = nullptr;
  Operation* writer_ = nullptr;
  bool watches_writable_ = false;
  unsigned idle_writable_ = 0;  // events of writability in a row that nobody waited for
  Source* next_retired_ = nullptr;
};

// How owners hold a source: closed at once, freed at the end of the batch.
struct Retire {
  void operator()(Source* source) const {
    source->close();
    source->loop().retire(source);
  }
};
template <class T>
using SourceHandle = std::unique_ptr<T, Retire>;

// An awaitable that is attempted at once, without suspending if that succeeds, then again with each event until its
// deadline. Lives in the awaiting coroutine's frame; destroying it ends the wait.
class Operation : private Wakeup {
 public:
  enum class Direction : std::uint8_t { read, write };
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

 protected:
  Operation(Source* source, Direction direction, Deadline deadline)
      : source_(source), direction_(direction), deadline_(deadline), timer_(&Operation::time_out, this) {}
  ~Operation() { detach(); }

  // True when the outcome is known.
  virtual bool attempt() = 0;
  virtual void fail_with(Fault fault) = 0;

  bool start();
  void suspend(std::coroutine_handle<> waiter);

  Source* source_;

 private:
  friend class Source;
  static void time_out(void* self);
  Operation*& slot() const { return direction_ == Direction::read ? source_->reader_ : source_->writer_; }
  void detach();
  void watch_what_it_needs();

  Direction direction_;
  bool waiting_ = false;
  Deadline deadline_;
  Timer timer_;
};

template <class T>
class [[nodiscard]] TypedOperation : public Operation {
 public:
  bool await_ready() { return start(); }
  void await_suspend(std::coroutine_handle<> waiter) { suspend(waiter); }
  Result<T> await_resume() { return std::move(*outcome_); }

 protected:
  using Operation::Operation;
  ~TypedOperation() = default;
  void fail_with(Fault fault) final { outcome_.emplace(std::unexpect, std::move(fault)); }
  std::optional<Result<T>> outcome_;
};

// Waits until a source is readable or writable, as far as known.
class [[nodiscard]] ReadyOperation final : public TypedOperation<void> {
 public:
  ReadyOperation(Source* source, Direction direction, Deadline deadline)
      : TypedOperation(source, direction, deadline), wants_read_(direction == Direction::read) {}

 private:
  bool attempt() override {
    if (!(wants_read_ ? source_->readable : source_->writable)) return false;
    outcome_.emplace();
    return true;
  }
  bool wants_read_;
};

// Waits on any descriptor that epoll takes: netlink, pipes, pidfd, inotify, sockets with a protocol of their own. Use:
// read until EAGAIN, then not_readable(), then await readable().
class Watch {
 public:
  Watch() = default;
  // Sets O_NONBLOCK.
  static Result<Watch> adopt(Loop& loop, Fd fd);

  explicit operator bool() const { return source_ && !source_->closed(); }
  Loop& loop() const { return source_->loop(); }
  int fd() const { return source_ ? source_->fd() : -1; }
  ReadyOperation readable(Deadline deadline) {
    return ReadyOperation(source_.get(), Operation::Direction::read, deadline);
  }
  ReadyOperation writable(Deadline deadline) {
    return ReadyOperation(source_.get(), Operation::Direction::write, deadline);
  }
  void not_readable() { source_->readable = false; }
  void not_writable() { source_->writable = false; }
  // O(1), from any coroutine of the thread; who waits is resumed with Cause::closed.
  void close() {
    if (source_) source_->close();
  }

 private:
  explicit Watch(SourceHandle<Source> source) : source_(std::move(source)) {}
  SourceHandle<Source> source_;
};

}  // namespace bulkhead::net
