#include "conditions/arrays.hpp"

#include <algorithm>

#include "conditions/compare.hpp"

namespace bulkhead::conditions {

namespace {

class ElementsView final : public ListView {
 public:
  std::size_t size(const void* list) const override { return static_cast<const Elements*>(list)->size(); }
  Value at(const void* list, std::size_t index) const override { return (*static_cast<const Elements*>(list))[index]; }
};

class EntriesView final : public MapView {
 public:
  std::size_t size(const void* map) const override { return static_cast<const Entries*>(map)->size(); }
  std::optional<Value> find(const void* map, const Value& key) const override {
    for (const MapEntry& entry : *static_cast<const Entries*>(map)) {
      if (same_key(entry.key, key)) return entry.value;
    }
    return std::nullopt;
  }
  MapEntry at(const void* map, std::size_t index) const override { return (*static_cast<const Entries*>(map))[index]; }
};

constexpr ElementsView kElements;
constexpr EntriesView kEntries;

}  // namespace

Value list_of(const Elements* elements) { return Value::list(kElements, elements); }
Value map_of(const Entries* entries) { return Value::map(kEntries, entries); }

bool ListMaker::reserve(std::size_t capacity) {
  if (capacity <= capacity_) return true;
  auto* larger = arena_.take<Value>(capacity);
  if (larger == nullptr) return false;
  std::copy_n(values_, size_, larger);
  values_ = larger;
  capacity_ = capacity;
  return true;
}

bool ListMaker::add(const Value& value) {
  if (size_ == capacity_ && !reserve(std::max<std::size_t>(4, 2 * capacity_))) return false;
  values_[size_++] = value;
  return true;
}

Value ListMaker::take() {
  auto* elements = arena_.take<Elements>(1);
  if (elements == nullptr) return Value::failure({Reason::out_of_memory});
  *elements = Elements(values_, size_);
  return list_of(elements);
}

}  // namespace bulkhead::conditions
