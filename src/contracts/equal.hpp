#pragma once

// When two JSON values are the same: numbers by value, objects whatever the order of their members.

#include <compare>
#include <cstdint>
#include <utility>
#include <vector>

#include "contracts/json.hpp"

namespace bulkhead::contracts {

// Compares values; its memory is reused. Of one thread.
class Equality {
 public:
  // A total order, equal exactly where the values are the same. No worse than sorting them, whatever they hold.
  std::strong_ordering compare(const Json& a, std::uint32_t i, const Json& b, std::uint32_t j);
  // Whether an array has an item twice, in O(n log n).
  bool has_repeats(const Json& json, std::uint32_t array);

 private:
  std::strong_ordering compare_arrays(const Json& a, std::uint32_t i, const Json& b, std::uint32_t j);
  std::strong_ordering compare_objects(const Json& a, std::uint32_t i, const Json& b, std::uint32_t j);
  std::size_t push_sorted(const Json& json, std::uint32_t object);

  std::vector<std::uint32_t> names_;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> items_;
};

}  // namespace bulkhead::contracts
