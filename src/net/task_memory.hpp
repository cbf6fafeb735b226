#pragma once

#include <cstddef>
#include <memory>

// Memory of coroutine frames, and of what else a request takes and gives back within microseconds in the same few
// sizes: each thread keeps what was given back, by size, for the next one. Any thread; it may be given back on another
// thread than it was taken on.
namespace bulkhead::net::detail {

void* take_task_memory(std::size_t size);  // more than none
void give_task_memory(void* memory, std::size_t size) noexcept;
// What this thread keeps goes back to the system's allocator.
void release_task_memory() noexcept;
// Bytes of it, which the allocator takes to be in use.
std::size_t kept_task_memory() noexcept;

// A base of promise types: their frames come from here.
struct PooledFrame {
  static void* operator new(std::size_t size) { return take_task_memory(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { give_task_memory(memory, size); }
};

}  // namespace bulkhead::net::detail

namespace bulkhead::net {

struct GiveBack {
  std::size_t size = 0;
  void operator()(char* memory) const noexcept { detail::give_task_memory(memory, size); }
};
// Of the same memory; not initialized.
using ShortBuffer = std::unique_ptr<char[], GiveBack>;
inline ShortBuffer make_short_buffer(std::size_t size) {
  return {static_cast<char*>(detail::take_task_memory(size)), {size}};
}

}  // namespace bulkhead::net
