#pragma once

#include <algorithm>
#include <functional>
#include <utility>

#include "net/loop.hpp"

namespace bulkhead::proxy {

// Notices when nothing has moved for too long, or when time is up whatever moves. Moving costs a store; the timer finds
// out later whether it has to wait on. Loop's thread only.
class Watchdog {
 public:
  Watchdog(net::Loop& loop, std::function<void()> expired)
      : loop_(loop), expired_(std::move(expired)), timer_(&Watchdog::check, this) {}

  // From now on: `silence` at the most between two movements, and not past `end`.
  void start(net::Duration silence, net::Deadline end) {
    silence_ = silence;
    end_ = end;
    last_ = loop_.now();
    loop_.arm(timer_, due());
  }
  void moved() { last_ = loop_.now(); }
  void stop() { timer_.cancel(); }

 private:
  net::Deadline due() const { return std::min(net::Deadline(last_ + silence_), end_); }

  static void check(void* self) {
    auto& dog = *static_cast<Watchdog*>(self);
    if (!dog.due().passed(dog.loop_.now())) return dog.loop_.arm(dog.timer_, dog.due());
    dog.expired_();
  }

  net::Loop& loop_;
  std::function<void()> expired_;
  net::Timer timer_;
  net::Duration silence_{};
  net::Deadline end_ = net::Deadline::never();
  net::SteadyTime last_;
};

}  // namespace bulkhead::proxy
