#include "contracts/equal.hpp"

#include <algorithm>

#include "contracts/decimal.hpp"

namespace bulkhead::contracts {

namespace {

std::uint64_t mix(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
  return hash ^ hash >> 29U;
}

// The same for the same values.
std::uint64_t hash_value(const Json& json, std::uint32_t at) {
  const Value& value = json[at];
  std::uint64_t hash = static_cast<std::uint64_t>(value.kind) + 1;
  switch (value.kind) {
    case Kind::null: return hash;
    case Kind::boolean: return mix(hash, value.truth ? 1 : 0);
    case Kind::number: return mix(hash, Decimal(json.raw(at)).hash());
    case Kind::string: return mix(hash, hash_text(json.text(at)));
    case Kind::array:
      for (auto item = at + 1; item != value.next; item = json[item].next) hash = mix(hash, hash_value(json, item));
      return hash;
    case Kind::object: {
      std::uint64_t sum = 0;
      for (auto name = at + 1; name != value.next; name = json[name + 1].next) {
        sum += mix(json[name].hash, hash_value(json, name + 1));
      }
      return mix(hash, sum);
    }
  }
  return hash;
}

}  // namespace

std::strong_ordering Equality::compare(const Json& a, std::uint32_t i, const Json& b, std::uint32_t j) {
  const Value& left = a[i];
  const Value& right = b[j];
  if (left.kind != right.kind) return left.kind <=> right.kind;
  switch (left.kind) {
    case Kind::null: return std::strong_ordering::equal;
    case Kind::boolean: return left.truth <=> right.truth;
    case Kind::number:
      if (left.plain && right.plain && a.raw(i) == b.raw(j)) return std::strong_ordering::equal;
      return Decimal(a.raw(i)) <=> Decimal(b.raw(j));
    case Kind::string: return a.text(i) <=> b.text(j);
    case Kind::array: return compare_arrays(a, i, b, j);
    case Kind::object: return compare_objects(a, i, b, j);
  }
  return std::strong_ordering::equal;
}

std::strong_ordering Equality::compare_arrays(const Json& a, std::uint32_t i, const Json& b, std::uint32_t j) {
  if (a[i].count != b[j].count) return a[i].count <=> b[j].count;
  auto other = j + 1;
  for (auto item = i + 1; item != a[i].next; item = a[item].next, other = b[other].next) {
    const auto order = compare(a, item, b, other);
    if (order != 0) return order;
  }
  return std::strong_ordering::equal;
}

std::size_t Equality::push_sorted(const Json& json, std::uint32_t object) {
  const std::size_t start = names_.size();
  for (auto name = object + 1; name != json[object].next; name = json[name + 1].next) names_.push_back(name);
  std::sort(names_.begin() + static_cast<std::ptrdiff_t>(start), names_.end(),
            [&](std::uint32_t x, std::uint32_t y) { return json.text(x) < json.text(y); });
  return start;
}

std::strong_ordering Equality::compare_objects(const Json& a, std::uint32_t i, const Json& b, std::uint32_t j) {
  if (a[i].count != b[j].count) return a[i].count <=> b[j].count;
  const std::size_t left = push_sorted(a, i);
  const std::size_t right = push_sorted(b, j);
  auto order = std::strong_ordering::equal;
  for (std::size_t k = 0; k < a[i].count && order == 0; ++k) {  // members of members are pushed behind, so by index
    order = a.text(names_[left + k]) <=> b.text(names_[right + k]);
    if (order == 0) order = compare(a, names_[left + k] + 1, b, names_[right + k] + 1);
  }
  names_.resize(left);
  return order;
}

bool Equality::has_repeats(const Json& json, std::uint32_t array) {
  items_.clear();
  for (auto item = array + 1; item != json[array].next; item = json[item].next) {
    items_.emplace_back(hash_value(json, item), item);
  }
  const auto order = [&](const auto& x, const auto& y) {
    return x.first != y.first ? x.first <=> y.first : compare(json, x.second, json, y.second);
  };
  std::ranges::sort(items_, [&](const auto& x, const auto& y) { return order(x, y) < 0; });
  return std::ranges::adjacent_find(items_, [&](const auto& x, const auto& y) { return order(x, y) == 0; }) !=
         items_.end();
}

}  // namespace bulkhead::contracts
