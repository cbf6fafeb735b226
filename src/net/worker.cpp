#include "net/worker.hpp"

#include <pthread.h>
#include <signal.h>

namespace bulkhead::net {

// A thread has the mask of the one that starts it. Signals may be received by a descriptor (Signals) that is not opened
// yet: a thread that lets them through would have the kernel end the process.
Worker::Worker(Loop& loop) : loop_(loop) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { work(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

bool Worker::push(std::move_only_function<void()> job) {
  const std::lock_guard lock(mutex_);
  if (jobs_.size() >= kMostWaiting) return false;
  jobs_.push_back(std::move(job));
  wake_.notify_one();
  return true;
}

void Worker::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
    if (ending_) return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    job = {};
    lock.lock();
  }
}

}  // namespace bulkhead::net
