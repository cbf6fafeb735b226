#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace bulkhead::conditions {

// Memory for what one evaluation makes: joined strings, the lists of map() and filter(). Taken once; each evaluation
// begins it anew, so that what an earlier one gave is gone. Of one thread at a time.
class Arena {
 public:
  static constexpr std::size_t kUsual = 16384;  // bytes: a condition rarely makes more than a few strings
  explicit Arena(std::size_t capacity = kUsual) : capacity_(capacity), memory_(new char[capacity]) {}

  void clear() { used_ = 0; }

  // Room for `count` of T that lives until clear(); null where there is not enough.
  template <class T>
  T* take(std::size_t count) {
    const std::size_t begin = (used_ + alignof(T) - 1) / alignof(T) * alignof(T);
    if (begin > capacity_ || count > (capacity_ - begin) / sizeof(T)) return nullptr;
    used_ = begin + count * sizeof(T);
    return new (memory_.get() + begin) T[count];
  }

 private:
  std::size_t capacity_;
  std::size_t used_ = 0;
  std::unique_ptr<char[]> memory_;
};

}  // namespace bulkhead::conditions
