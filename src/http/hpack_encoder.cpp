#include <algorithm>
#include <array>
#include <cstring>

#include "http/hpack.hpp"
#include "http/hpack_huffman.hpp"

namespace bulkhead::http::hpack {
namespace {

// Of the first eight bytes, or of fewer.
std::uint64_t load(std::string_view text) {
  std::uint64_t word = 0;
  std::memcpy(&word, text.data(), std::min<std::size_t>(text.size(), sizeof word));
  return word;
}

// Length, beginning and end: what differs between fields as a rule, and soon done. Equality is asked for afterwards.
std::uint64_t mix(std::string_view text) {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
  if (text.size() < sizeof(std::uint64_t)) return (load(text) ^ text.size()) * kOdd;
  const std::uint64_t begin = load(text);
  const std::uint64_t end = load(text.substr(text.size() - sizeof(std::uint64_t)));
  return (begin ^ (end * kOdd >> 7U) ^ text.size()) * kOdd;
}

std::uint32_t hash_of(std::string_view name, std::string_view value) {
  return static_cast<std::uint32_t>((mix(name) * 31 + mix(value)) >> 32U);
}

// The static table by name: where the first entry of that name stands. Open addressing; equal names are neighbours
// there.
class StaticIndex {
 public:
  StaticIndex() {
    for (std::size_t i = kStaticEntries; i > 0; --i) {
      const std::string_view name = kStaticTable[i - 1].name;
      if (i > 1 && kStaticTable[i - 2].name == name) continue;
      std::size_t slot = slot_of(name);
      while (slots_[slot] != 0) slot = (slot + 1) % kSlots;
      slots_[slot] = static_cast<std::uint8_t>(i);
    }
  }
  // An index of the static table; 0: not in it.
  std::size_t find(std::string_view name) const {
    for (std::size_t slot = slot_of(name); slots_[slot] != 0; slot = (slot + 1) % kSlots) {
      if (kStaticTable[slots_[slot] - 1U].name == name) return slots_[slot];
    }
    return 0;
  }

 private:
  static constexpr std::size_t kSlots = 256;
  static std::size_t slot_of(std::string_view name) { return mix(name) >> 56U; }
  std::array<std::uint8_t, kSlots> slots_{};
};

const StaticIndex& static_index() {
  static const StaticIndex index;
  return index;
}

void write_integer(unsigned prefix, std::uint8_t pattern, std::size_t value, std::string& out) {
  const std::size_t most = (1U << prefix) - 1;
  if (value < most) {
    out += static_cast<char>(pattern | value);
    return;
  }
  out += static_cast<char>(pattern | most);
  for (value -= most; value >= 0x80; value >>= 7U) out += static_cast<char>(0x80U | (value & 0x7fU));
  out += static_cast<char>(value);
}

// Huffman only for what the table then spares: decoding costs more than the octets of a value that is sent once.
void write_string(std::string_view text, bool compress, std::string& out) {
  const std::size_t size = compress ? huffman_size(text) : text.size();
  if (size < text.size()) {
    write_integer(7, 0x80, size, out);
    huffman_encode(text, out);
  } else {
    write_integer(7, 0, text.size(), out);
    out.append(text);
  }
}

}  // namespace

void Encoder::set_allowed(std::uint32_t size) {
  const std::size_t capacity = std::min<std::size_t>(size, kTableSize);
  if (capacity == table_.capacity() && !resized_) return;
  smallest_ = resized_ ? std::min(smallest_, capacity) : capacity;
  resized_ = true;
  table_.set_capacity(capacity);
}

// §4.2: if it was smaller in between, that is said too.
void Encoder::begin(std::string& out) {
  if (!resized_) return;
  resized_ = false;
  if (smallest_ < table_.capacity()) write_integer(5, 0x20, smallest_, out);
  write_integer(5, 0x20, table_.capacity(), out);
}

std::size_t Encoder::find(std::string_view name, std::string_view value, std::uint32_t hash) const {
  if (newest_.empty()) return 0;
  const std::uint32_t serial = newest_[hash % kBuckets];
  const auto age = static_cast<std::uint32_t>(table_.inserted()) - serial;  // of serial numbers that may wrap
  if (serial == 0 || age >= table_.count()) return 0;
  const DynamicTable::Entry& entry = table_.entry(age);
  if (entry.hash != hash || table_.value(entry) != value || table_.name(entry) != name) return 0;
  return kStaticEntries + 1 + age;
}

void Encoder::remember(std::uint32_t hash) {
  if (newest_.empty()) newest_.resize(kBuckets);
  newest_[hash % kBuckets] = static_cast<std::uint32_t>(table_.inserted());
}

void Encoder::encode(std::string_view name, std::string_view value, Indexing indexing, std::string& out) {
  std::size_t named = static_index().find(name);
  std::uint32_t hash = 0;
  if (indexing != Indexing::never) {
    for (std::size_t i = named; i != 0 && i <= kStaticEntries && kStaticTable[i - 1].name == name; ++i) {
      if (kStaticTable[i - 1].value == value && !value.empty()) return write_integer(7, 0x80, i, out);
    }
  }
  if (indexing == Indexing::add) {
    hash = hash_of(name, value);
    if (const std::size_t index = find(name, value, hash)) return write_integer(7, 0x80, index, out);
    // What would empty half of the table for one value is not worth it.
    if (name.size() + value.size() + kEntryOverhead > table_.capacity() / 2) indexing = Indexing::without;
  }
  const bool add = indexing == Indexing::add;
  if (add) {
    write_integer(6, 0x40, named, out);
  } else {
    write_integer(4, indexing == Indexing::never ? 0x10 : 0, named, out);
  }
  if (named == 0) write_string(name, add, out);
  write_string(value, add, out);
  if (!add) return;
  table_.insert(name, value, Kind::regular, hash);
  remember(hash);
}

}  // namespace bulkhead::http::hpack
