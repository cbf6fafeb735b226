#pragma once

// Lists and maps of values that stand one after the other: what expressions write and macros make.

#include <span>

#include "conditions/arena.hpp"
#include "conditions/value.hpp"

namespace bulkhead::conditions {

using Elements = std::span<const Value>;
using Entries = std::span<const MapEntry>;  // no key twice

// The span itself is borrowed too, as long as the value is used.
Value list_of(const Elements* elements);
Value map_of(const Entries* entries);

// A list in the making. A value that it gives lives as long as the arena's content.
class ListMaker {
 public:
  explicit ListMaker(Arena& arena) : arena_(arena) {}

  bool reserve(std::size_t capacity);  // false where the arena is full, as for add()
  bool add(const Value& value);
  Value take();  // the list; a failure (out_of_memory) where the arena is full

 private:
  Arena& arena_;
  Value* values_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace bulkhead::conditions
