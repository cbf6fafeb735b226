#pragma once

#include <cstddef>

// Memory of coroutine frames. A request takes a score of them, most of the same few sizes, and gives them back within
// microseconds: each thread keeps what was given back, by size, for the next one. Any thread; a frame may be given back
// on another thread than it was taken on.
namespace bulkhead::net::detail {

void* take_task_memory(std::size_t size);
void give_task_memory(void* memory, std::size_t size) noexcept;
// What this thread keeps goes back to the system's allocator.
void release_task_memory() noexcept;

// A base of promise types: their frames come from here.
struct PooledFrame {
  static void* operator new(std::size_t size) { return take_task_memory(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { give_task_memory(memory, size); }
};

}  // namespace bulkhead::net::detail
