#include "net/loop.hpp"

#include <algorithm>
#include <array>
#include <climits>
#include <memory>
#include <system_error>

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "net/watch.hpp"

namespace bulkhead::net {
namespace {

constexpr int kEventsPerBatch = 256;
constexpr std::uint32_t kReadEvents = EPOLLIN | EPOLLRDHUP | EPOLLET;

[[noreturn]] void fail_to_start(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

}  // namespace

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_up_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!epoll_) fail_to_start("epoll_create1");
  if (!wake_up_) fail_to_start("eventfd");
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = nullptr;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_up_.get(), &event) != 0) fail_to_start("epoll_ctl");
  refresh_clock();
}

Loop::~Loop() { free_retired(); }

void Loop::refresh_clock() { now_ = std::chrono::steady_clock::now(); }

void Loop::run() {
  refresh_clock();
  while (!stop_requested_.exchange(false, std::memory_order_acq_rel)) run_batch();
}

void Loop::stop() {
  stop_requested_.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_up_.get(), &one, sizeof one);
}

void Loop::run_batch() {
  wait_for_events();
  timers_.fire(now_);
  run_ready();
  run_deferred();
  free_retired();
}

void Loop::wait_for_events() {
  std::array<epoll_event, kEventsPerBatch> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), kEventsPerBatch, wait_milliseconds());
  refresh_clock();
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.ptr == nullptr) {
      run_posted();
    } else {
      static_cast<Source*>(event.data.ptr)->on_events(event.events);
    }
  }
}

int Loop::wait_milliseconds() const {
  if (!ready_.empty() || !deferred_.empty() || !deferred_calls_.empty()) return 0;
  if (timers_.empty()) return -1;
  const auto wait = timers_.next() - std::chrono::steady_clock::now();
  if (wait <= Duration::zero()) return 0;
  // Rounded up, as waking too early would only spin.
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
  return static_cast<int>(std::min<std::int64_t>(milliseconds, INT_MAX));
}

void Loop::run_ready() {
  // What is woken meanwhile waits for the next batch, so that events and timers get their turn.
  resuming_.take_all(ready_);
  while (!resuming_.empty()) resuming_.pop_front().handle.resume();
}

void Loop::run_deferred() {
  List<Deferred> due;
  due.take_all(deferred_);
  while (!due.empty()) {
    Deferred& deferred = due.pop_front();
    deferred.call_();
  }
  auto calls = std::exchange(deferred_calls_, {});
  for (auto& call : calls) call();
  if (deferred_calls_.empty()) {
    calls.clear();
    deferred_calls_ = std::move(calls);
  }
}

void Loop::run_posted() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read = ::read(wake_up_.get(), &count, sizeof count);
  std::vector<std::move_only_function<void()>> calls;
  {
    const std::scoped_lock lock(mutex_);
    calls.swap(posted_);
  }
  for (auto& call : calls) call();
}

void Loop::free_retired() {
  while (retired_ != nullptr) {
    const std::unique_ptr<Source> source(retired_);
    retired_ = source->next_retired_;
  }
}

void Loop::defer(std::move_only_function<void()> call) { deferred_calls_.push_back(std::move(call)); }

void Loop::post(std::move_only_function<void()> call) {
  {
    const std::scoped_lock lock(mutex_);
    posted_.push_back(std::move(call));
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_up_.get(), &one, sizeof one);
}

Result<> Loop::add(Source& source) {
  epoll_event event{};
  event.events = kReadEvents;
  event.data.ptr = &source;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, source.fd(), &event) != 0) return os_fail("watch a descriptor");
  return {};
}

void Loop::remove(Source& source) {
  // Closing alone would not do: another process may hold the same open file, and its events would find a freed source.
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, source.fd(), nullptr);
}

void Loop::watch_writable(Source& source) { change(source, kReadEvents | EPOLLOUT); }
void Loop::ignore_writable(Source& source) { change(source, kReadEvents); }

void Loop::change(Source& source, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &source;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, source.fd(), &event);
}

void Loop::retire(Source* source) {
  source->next_retired_ = retired_;
  retired_ = source;
}

}  // namespace bulkhead::net
