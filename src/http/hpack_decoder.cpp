#include "base/release.hpp"
#include "http/hpack.hpp"
#include "http/hpack_huffman.hpp"

namespace bulkhead::http::hpack {
namespace {

// Longer integers than any table, string or block of ours can have are refused as §5.1 allows.
constexpr std::uint32_t kLargestInteger = 1U << 24U;

using KindTable = std::array<Kind, kStaticEntries>;
const KindTable& static_kinds() {
  static const KindTable kinds = [] {
    KindTable made{};
    for (std::size_t i = 0; i < kStaticEntries; ++i) made[i] = kind_of(kStaticTable[i].name);
    return made;
  }();
  return kinds;
}

}  // namespace

void Decoder::begin(std::string_view block) {
  block_ = block;
  begun_ = false;
}

Decoder::Outcome Decoder::next(DecodedField& field) {
  while (!block_.empty()) {
    const auto first = static_cast<unsigned char>(block_.front());
    if ((first & 0xe0U) == 0x20) {
      if (!take_size_update()) return Outcome::error;
      continue;
    }
    begun_ = true;
    if ((first & 0x80U) != 0) return take_indexed(field);
    if ((first & 0x40U) != 0) return take_literal(6, true, field);
    return take_literal(4, false, field);
  }
  // A connection that rests holds nothing of a large field.
  constexpr std::size_t kScratch = 1024;
  if (name_.capacity() > kScratch) release(name_);
  if (value_.capacity() > kScratch) release(value_);
  return Outcome::end;
}

// §5.1. The block is not empty.
bool Decoder::read_integer(unsigned prefix, std::uint32_t& value) {
  const std::uint32_t most = (1U << prefix) - 1;
  value = static_cast<unsigned char>(block_.front()) & most;
  block_.remove_prefix(1);
  if (value < most) return true;
  for (unsigned shift = 0; shift <= 28 && !block_.empty(); shift += 7) {
    const auto octet = static_cast<unsigned char>(block_.front());
    block_.remove_prefix(1);
    if (shift == 28 && (octet & 0x70U) != 0) return false;
    value += static_cast<std::uint32_t>(octet & 0x7fU) << shift;
    if (value > kLargestInteger) return false;
    if ((octet & 0x80U) == 0) return true;
  }
  return false;
}

bool Decoder::read_string(std::string& scratch, std::string_view& text) {
  if (block_.empty()) return false;
  const bool huffman = (static_cast<unsigned char>(block_.front()) & 0x80U) != 0;
  std::uint32_t size = 0;
  if (!read_integer(7, size) || size > block_.size()) return false;
  text = block_.substr(0, size);
  block_.remove_prefix(size);
  if (!huffman) return true;
  scratch.clear();
  if (!huffman_decode(text, scratch)) return false;
  text = scratch;
  return true;
}

Decoder::Outcome Decoder::take_indexed(DecodedField& field) {
  std::uint32_t index = 0;
  if (!read_integer(7, index) || index == 0) return Outcome::error;
  if (index <= kStaticEntries) {
    const StaticField& entry = kStaticTable[index - 1];
    field = {entry.name, entry.value, static_kinds()[index - 1]};
    return Outcome::field;
  }
  if (index - kStaticEntries > table_.count()) return Outcome::error;
  const DynamicTable::Entry& entry = table_.entry(index - kStaticEntries - 1);
  field = {table_.name(entry), table_.value(entry), entry.kind};
  return Outcome::field;
}

Decoder::Outcome Decoder::take_literal(unsigned prefix, bool insert, DecodedField& field) {
  std::uint32_t index = 0;
  if (!read_integer(prefix, index)) return Outcome::error;
  if (index == 0) {
    if (!read_string(name_, field.name)) return Outcome::error;
    field.kind = kind_of(field.name);
  } else if (index <= kStaticEntries) {
    field.name = kStaticTable[index - 1].name;
    field.kind = static_kinds()[index - 1];
  } else {
    if (index - kStaticEntries > table_.count()) return Outcome::error;
    const DynamicTable::Entry& entry = table_.entry(index - kStaticEntries - 1);
    field.name = table_.name(entry);
    if (insert) field.name = name_.assign(field.name);  // the insertion may evict it
    field.kind = kind_of(field.name);                   // and not the entry's: it may be its value that is invalid
  }
  if (!read_string(value_, field.value)) return Outcome::error;
  if (!is_value(field.value)) field.kind = Kind::invalid;
  if (insert) table_.insert(field.name, field.value, field.kind);
  return Outcome::field;
}

bool Decoder::take_size_update() {
  std::uint32_t size = 0;
  if (begun_ || !read_integer(5, size) || size > allowed_) return false;
  table_.set_capacity(size);
  return true;
}

}  // namespace bulkhead::http::hpack
