#include "net/task_memory.hpp"

#include <array>
#include <cassert>
#include <new>

namespace bulkhead::net::detail {
namespace {

// With a sanitizer every frame is an allocation of its own, so that a use after its end is found.
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
constexpr bool kKeeps = false;
#else
constexpr bool kKeeps = true;
#endif

constexpr std::size_t kStep = 64;
constexpr std::size_t kLargest = 16 << 10;  // with what is inlined into it, a request's has some 8 KiB
constexpr std::size_t kMostKept = 2 << 20;  // bytes; what a burst needed beyond goes back to the system's allocator

struct Free {
  Free* next;
};

thread_local bool thread_ends = false;  // frames that end after this go straight back

class Kept {
 public:
  Kept() = default;
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;
  ~Kept() {
    thread_ends = true;
    release();
  }

  void release() {
    for (Free*& list : lists_) {
      while (list != nullptr) ::operator delete(pop(list));
    }
    kept_ = 0;
  }

  std::size_t size() const { return kept_; }

  void* take(std::size_t index) {
    if (lists_[index] == nullptr) return ::operator new((index + 1) * kStep);
    kept_ -= (index + 1) * kStep;
    return pop(lists_[index]);
  }
  void give(void* memory, std::size_t index) {
    const std::size_t size = (index + 1) * kStep;
    if (thread_ends || kept_ + size > kMostKept) return ::operator delete(memory);
    kept_ += size;
    lists_[index] = new (memory) Free{lists_[index]};
  }

 private:
  static Free* pop(Free*& list) {
    Free* first = list;
    list = first->next;
    return first;
  }

  std::array<Free*, kLargest / kStep> lists_{};
  std::size_t kept_ = 0;
};

thread_local Kept kept;

}  // namespace

void release_task_memory() noexcept { kept.release(); }

std::size_t kept_task_memory() noexcept { return kept.size(); }

void* take_task_memory(std::size_t size) {
  assert(size > 0);
  if (!kKeeps || size > kLargest) return ::operator new(size);
  return kept.take((size - 1) / kStep);
}

void give_task_memory(void* memory, std::size_t size) noexcept {
  if (!kKeeps || size > kLargest) return ::operator delete(memory, size);  // a sanitizer compares the sizes
  kept.give(memory, (size - 1) / kStep);
}

}  // namespace bulkhead::net::detail
