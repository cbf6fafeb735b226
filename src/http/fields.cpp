#include "http/fields.hpp"

#include <algorithm>
#include <functional>

#include "base/octet_scan.hpp"
#include "http/octets.hpp"

namespace bulkhead::http {
namespace {

constexpr std::size_t kUsualFields = 12;
constexpr std::size_t kUsualBytes = 384;
constexpr std::size_t kUsualGrowth = 600;  // what a proxy adds: where it comes from, a trace, a user's token

[[maybe_unused]] bool is_value_octet(char c) {
  return (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) || c == '\t';
}

// `set` may be given views into the arena that it is about to move.
bool points_into(std::string_view text, const std::string& arena) {
  const std::less_equal<const char*> not_after;
  return !text.empty() && not_after(arena.data(), text.data()) && not_after(text.data(), arena.data() + arena.size());
}

}  // namespace

bool same_letters(std::string_view left, std::string_view right) {
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (left[i] != right[i] && lower(left[i]) != lower(right[i])) return false;
  }
  return true;
}

bool is_token(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_token_octet); }

bool is_field_value(std::string_view text) {
#if defined(__SSE2__)
  const __m128i last_control = _mm_set1_epi8(0x1f);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7f);
  return !any_octet(text, [&](__m128i octets) {
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(octets, last_control), octets);
    return _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(octets, tab), control), _mm_cmpeq_epi8(octets, del));
  });
#else
  return std::ranges::all_of(text, is_value_octet);
#endif
}

std::string_view trim_whitespace(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Fields::Fields(std::initializer_list<Field> fields) {
  for (const Field& field : fields) add(field.name, field.value);
}

Fields Fields::from_block(std::string_view block, std::vector<Entry> entries) {
  Fields fields;
  if (entries.empty()) return fields;
  fields.arena_.reserve(block.size() + kUsualGrowth);
  fields.arena_.assign(block);
  fields.entries_ = std::move(entries);
  for (Entry& entry : fields.entries_) entry.mark = mark_of(fields.view(entry).name);
  return fields;
}

void Fields::expect(std::size_t bytes) {
  if (bytes > kUsualBytes / 2) arena_.reserve(bytes + kUsualBytes);
}

Fields::Entry Fields::store(std::string_view name, std::string_view value) {
  if (points_into(name, arena_) || points_into(value, arena_)) {
    const std::string name_copy(name);
    const std::string value_copy(value);
    return store(name_copy, value_copy);
  }
  if (entries_.capacity() == 0) {  // the first of several, as a rule
    entries_.reserve(kUsualFields);
    arena_.reserve(kUsualBytes);
  }
  const auto at = static_cast<std::uint32_t>(arena_.size());
  const auto name_size = static_cast<std::uint32_t>(name.size());
  arena_.append(name);
  arena_.append(value);
  return {at, name_size, at + name_size, static_cast<std::uint32_t>(value.size()), mark_of(name)};
}

void Fields::add(std::string_view name, std::string_view value) { entries_.push_back(store(name, value)); }

void Fields::set(std::string_view name, std::string_view value) {
  const Entry stored = store(name, value);
  const std::string_view stored_name = view(stored).name;
  const auto same_name = [&](const Entry& entry) { return is_named(entry, stored.mark, stored_name); };
  const auto first = std::ranges::find_if(entries_, same_name);
  if (first == entries_.end()) {
    entries_.push_back(stored);
    return;
  }
  *first = stored;
  entries_.erase(std::remove_if(first + 1, entries_.end(), same_name), entries_.end());
}

std::size_t Fields::remove(std::string_view name) {
  const std::uint32_t mark = mark_of(name);
  return std::erase_if(entries_, [&](const Entry& entry) { return is_named(entry, mark, name); });
}

void Fields::clear() {
  arena_.clear();
  entries_.clear();
}

std::optional<std::string_view> Fields::find(std::string_view name) const {
  const std::uint32_t mark = mark_of(name);
  for (const Entry& entry : entries_) {
    if (is_named(entry, mark, name)) return view(entry).value;
  }
  return std::nullopt;
}

std::optional<std::string_view> Fields::only(std::string_view name) const {
  const std::uint32_t mark = mark_of(name);
  const Entry* only = nullptr;
  for (const Entry& entry : entries_) {
    if (!is_named(entry, mark, name)) continue;
    if (only != nullptr) return std::nullopt;
    only = &entry;
  }
  return only == nullptr ? std::nullopt : std::optional(view(*only).value);
}

std::size_t Fields::count(std::string_view name) const {
  const std::uint32_t mark = mark_of(name);
  const auto named = [&](const Entry& entry) { return is_named(entry, mark, name); };
  return static_cast<std::size_t>(std::ranges::count_if(entries_, named));
}

std::vector<std::string_view> Fields::all(std::string_view name) const {
  const std::uint32_t mark = mark_of(name);
  std::vector<std::string_view> values;
  for (const Entry& entry : entries_) {
    if (is_named(entry, mark, name)) values.push_back(view(entry).value);
  }
  return values;
}

std::string Fields::joined(std::string_view name, std::string_view separator) const {
  std::string values;
  bool first = true;
  for (const Field field : *this) {
    if (!equal_ignoring_case(field.name, name)) continue;
    if (!first) values.append(separator);
    values.append(field.value);
    first = false;
  }
  return values;
}

bool Fields::lists(std::string_view name, std::string_view member) const {
  const std::uint32_t mark = mark_of(name);
  bool found = false;
  for (const Entry& entry : entries_) {
    if (!is_named(entry, mark, name)) continue;
    for_each_member(view(entry).value,
                    [&](std::string_view each) { found = found || equal_ignoring_case(each, member); });
  }
  return found;
}

std::size_t Fields::bytes() const {
  std::size_t total = 0;
  for (const Entry& entry : entries_) total += entry.name_size + entry.value_size + 32U;
  return total;
}

}  // namespace bulkhead::http
