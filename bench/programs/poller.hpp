#pragma once

// One epoll set, edge-triggered, for programs of one thread.

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

namespace bench {

using Nanos = std::chrono::nanoseconds;

Nanos now();  // CLOCK_MONOTONIC, the same for every process of the host

class Handler {
 public:
  virtual ~Handler() = default;
  virtual void ready(std::uint32_t events) = 0;
};

class Poller {
 public:
  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Both directions, until the descriptor is closed. The handler must outlive the batch in which that happens: bury it.
  void add(int fd, Handler& handler);

  // Waits for one batch of events, at most for `timeout`; without end if that is negative.
  void wait(Nanos timeout = Nanos(-1));

  // Destroyed after this batch, since later events of it may still name it.
  void bury(std::shared_ptr<void> what) { graves_.push_back(std::move(what)); }

 private:
  int fd_;
  std::vector<std::shared_ptr<void>> graves_;
};

}  // namespace bench
