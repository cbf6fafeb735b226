#include "net/watch.hpp"

#include <cassert>

#include <fcntl.h>
#include <sys/epoll.h>

namespace bulkhead::net {
namespace {

// A Unix socket is said to be writable each time that its peer reads: after so many for nobody, that is not asked any
// more until a write does not fit again.
constexpr unsigned kIdleWritable = 4;

}  // namespace

Source::~Source() { close(); }

void Source::close() {
  if (closed()) return;
  loop_.remove(*this);
  fd_.reset();
  fail_waiting();
}

Fd Source::release() {
  if (!closed()) loop_.remove(*this);
  Fd fd = std::move(fd_);
  fail_waiting();
  return fd;
}

void Source::fail_waiting() {
  for (Operation* operation : {reader_, writer_}) {
    if (operation == nullptr) continue;
    operation->detach();
    operation->fail_with(Fault{Cause::closed, "closed by this side"});
    // Not at once: whoever closes is in the middle of something.
    loop_.wake(*operation);
  }
}

void Source::on_events(std::uint32_t events) {
  if (closed()) return;
  const bool broken = (events & (EPOLLHUP | EPOLLERR)) != 0;
  if ((events & (EPOLLHUP | EPOLLRDHUP)) != 0) ended = true;
  const bool read_event = broken || (events & (EPOLLIN | EPOLLRDHUP)) != 0;
  const bool write_event = broken || (events & EPOLLOUT) != 0;
  if (read_event) readable = true;
  if (write_event) writable = true;
  if (read_event || (write_event && reader_needs_writable_)) resume_if_complete(&Source::reader_);
  if (!write_event) return;
  const bool wanted = writer_ != nullptr || reader_needs_writable_ || broken;
  idle_writable_ = wanted ? 0 : idle_writable_ + 1;
  if (idle_writable_ >= kIdleWritable && watches_writable_ && !closed()) {
    watches_writable_ = false;
    loop_.ignore_writable(*this);
  }
  resume_if_complete(&Source::writer_);
}

void Source::resume_if_complete(Operation* Source::* slot) {
  Operation* operation = this->*slot;
  if (operation == nullptr) return;
  if (!operation->attempt()) {
    operation->watch_what_it_needs();
    return;
  }
  operation->detach();
  operation->handle.resume();
}

bool Operation::start() {
  if (source_ == nullptr || source_->closed()) {
    fail_with(Fault{Cause::closed, "closed by this side"});
    return true;
  }
  if (slot() != nullptr) {
    assert(false && "two operations of one direction on one source");
    fail_with(Fault{Cause::conflict, "another operation of this direction is waiting"});
    return true;
  }
  return attempt();
}

void Operation::suspend(std::coroutine_handle<> waiter) {
  handle = waiter;
  slot() = this;
  waiting_ = true;
  source_->loop().arm(timer_, deadline_);
  watch_what_it_needs();
}

void Operation::watch_what_it_needs() {
  const bool needs_writable = direction_ == Direction::write || source_->reader_needs_writable_;
  if (!needs_writable || source_->watches_writable_) return;
  source_->watches_writable_ = true;
  source_->idle_writable_ = 0;
  source_->loop().watch_writable(*source_);
}

void Operation::detach() {
  if (!waiting_) return;
  waiting_ = false;
  slot() = nullptr;
  timer_.cancel();
}

void Operation::time_out(void* self) {
  Operation& operation = *static_cast<Operation*>(self);
  operation.detach();
  operation.fail_with(Fault{Cause::timeout, "nothing happened in time"});
  operation.handle.resume();
}

Result<Watch> Watch::adopt(Loop& loop, Fd fd) {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0)
    return os_fail("make a descriptor non-blocking");
  SourceHandle<Source> source(new Source(loop, std::move(fd)));
  const auto added = loop.add(*source);
  if (!added) return fail(added.error());
  return Watch(std::move(source));
}

}  // namespace bulkhead::net
