#include "proxy/memory.hpp"

#include <cstdlib>
#include <system_error>
#include <thread>
#include <vector>

#include <malloc.h>
#include <sys/resource.h>

#include "net/task_memory.hpp"

namespace bulkhead::proxy {

namespace {

using namespace std::chrono_literals;

constexpr auto kEvery = 2s;
constexpr auto kRests = 10ms;                // of processor time between two looks: some hundred requests
constexpr std::size_t kTrimAbove = 4 << 20;  // free bytes of the heap, if they are more than those in use
constexpr std::size_t kKeptOnTop = 512 << 10;

struct Usage {
  std::chrono::microseconds processor;
  long page_faults;
};

Usage usage() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto time = [](const timeval& t) {
    return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
  };
  return {time(used.ru_utime) + time(used.ru_stime), used.ru_minflt};
}

bool most_is_free() {
  const auto heap = ::mallinfo2();
  const std::size_t kept = net::detail::kept_task_memory();  // of what is in use, it says
  return heap.fordblks + kept > kTrimAbove && heap.fordblks + 2 * kept > heap.uordblks;
}

// The pieces that the allocator keeps at hand for a thread lie all over the heap after a burst, and each holds its
// page. It takes them back when a thread ends, and only then, so they are handed to one that does.
void release_thread_cache() {
  constexpr std::size_t kLargest = 1032, kStep = 16;  // of glibc
  constexpr std::size_t kOfASize = 32;                // as control/launch.cpp tells it
  std::vector<void*> pieces;
  pieces.reserve(kLargest / kStep * kOfASize);
  for (std::size_t size = kLargest; size >= kStep; size -= kStep) {
    for (std::size_t i = 0; i < kOfASize; ++i) pieces.push_back(std::malloc(size));
  }
  const auto release = [&] {
    for (void* piece : pieces) std::free(piece);
  };
  try {
    std::thread(release).join();
  } catch (const std::system_error&) {  // no more threads may be: then they stay at hand
    release();
  }
}

}  // namespace

net::Task<> give_memory_back(net::Loop& loop) {
  Usage before = usage();
  long touched = 0;  // page faults by the last time: nothing is left to give back where no page was touched since
  bool busy = false;
  while (true) {
    co_await net::sleep(loop, loop.in(kEvery));
    const Usage now = usage();
    const bool rests = now.processor - before.processor < kRests;
    busy = busy || !rests;
    if (rests ? busy : now.page_faults != touched && most_is_free()) {
      net::detail::release_task_memory();
      release_thread_cache();
      ::malloc_trim(rests ? 0 : kKeptOnTop);
      touched = usage().page_faults;
      if (rests) busy = false;
    }
    before = usage();
  }
}

}  // namespace bulkhead::proxy
