#include "net/gate.hpp"

namespace bulkhead::net {

// The frame around a spawned task. It frees itself at the end; until then the gate can destroy it.
class Gate::Runner {
 public:
  struct promise_type : detail::PooledFrame {
    promise_type(Gate& gate, Task<>&) : gate_(gate) {
      running_.frame = std::coroutine_handle<promise_type>::from_promise(*this);
      gate_.running_.push_back(running_);
      ++gate_.inside_;
    }
    Runner get_return_object() { return Runner{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    struct Leave {
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> done) const noexcept {
        Gate& gate = done.promise().gate_;
        done.destroy();
        gate.leave();
      }
      void await_resume() const noexcept {}
    };
    Leave final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() { std::terminate(); }

   private:
    Gate& gate_;
    Running running_;
  };

  std::coroutine_handle<promise_type> handle;
};

Gate::Runner Gate::drive(Gate&, Task<> task) { co_await std::move(task); }

Gate::~Gate() {
  closed_ = true;
  while (!running_.empty()) running_.pop_front().frame.destroy();
}

bool Gate::spawn(Task<> task) {
  if (closed_) return false;
  drive(*this, std::move(task)).handle.resume();
  return true;
}

void Gate::leave() {
  if (--inside_ > 0) return;
  while (!waiting_.empty()) loop_.wake(waiting_.pop_front());
}

struct Gate::Empty : Wakeup {
  explicit Empty(Gate& waited) : gate(waited) {}
  bool await_ready() const { return gate.inside_ == 0; }
  void await_suspend(std::coroutine_handle<> waiter) {
    handle = waiter;
    gate.waiting_.push_back(*this);
  }
  void await_resume() const {}
  Gate& gate;
};

Task<> Gate::close() {
  closed_ = true;
  Empty empty(*this);
  co_await empty;
}

}  // namespace bulkhead::net
