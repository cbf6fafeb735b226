#pragma once

#include <coroutine>
#include <exception>
#include <utility>

#include "net/list.hpp"
#include "net/loop.hpp"
#include "net/task.hpp"

namespace bulkhead::net {

// Knows every task that was started without an awaiter, so that shutdown can wait for them: "done" means that all left.
//   gate.spawn(serve(std::move(stream)));
//   ...
//   co_await gate.close();
// Destroying a gate destroys the tasks that are still suspended in it; it must not be destroyed by one of its own
// tasks.
class Gate {
 public:
  explicit Gate(Loop& loop) : loop_(loop) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate();

  // Starts `task` at once, up to its first wait. A closed gate drops it unstarted and answers false. An exception that
  // leaves the task ends the process.
  bool spawn(Task<> task);

  // Keeps the gate from becoming empty for as long as it lives.
  class Pass {
   public:
    explicit Pass(Gate& gate) : gate_(&gate) { ++gate.inside_; }
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }

   private:
    Gate* gate_;
  };
  // Only while the gate is open.
  Pass enter() { return Pass(*this); }

  bool is_closed() const { return closed_; }
  std::size_t inside() const { return inside_; }

  // Lets nobody in any more, without waiting.
  void shut() { closed_ = true; }
  // Lets nobody in any more and waits until everyone has left. Several may wait.
  Task<> close();

 private:
  class Runner;
  struct Empty;
  static Runner drive(Gate& gate, Task<> task);
  void leave();

  Loop& loop_;
  bool closed_ = false;
  std::size_t inside_ = 0;
  struct Running : Link {
    std::coroutine_handle<> frame;
  };
  List<Running> running_;
  List<Wakeup> waiting_;
};

}  // namespace bulkhead::net
