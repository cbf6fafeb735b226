#pragma once

// Ordered header fields of one HTTP message (RFC 9110 §5). Names keep their case; every comparison ignores it.
// All text lies in one arena, so that a message costs two allocations however many fields it has. Views that are handed
// out live until the next change of the Fields. Values hold no CR, LF or NUL: the decoders promise it, and whoever adds
// a value of another origin checks it with is_field_value.

#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::http {

bool same_letters(std::string_view left, std::string_view right);  // of one length
inline bool equal_ignoring_case(std::string_view left, std::string_view right) {
  return left.size() == right.size() && same_letters(left, right);
}
bool is_token(std::string_view text);                     // RFC 9110 §5.6.2, not empty
bool is_field_value(std::string_view text);               // no control byte but HTAB; bytes above 0x7f are allowed
std::string_view trim_whitespace(std::string_view text);  // SP and HTAB at both ends

struct Field {
  std::string_view name;
  std::string_view value;
};

class Fields {
 public:
  // Offsets into the arena, and a mark that equal names share whatever their case, so that few are compared.
  struct Entry {
    std::uint32_t name = 0, name_size = 0, value = 0, value_size = 0;
    std::uint32_t mark = 0;
  };
  static constexpr std::uint32_t mark_of(std::string_view name) {
    if (name.empty()) return 0;
    const auto letter = [](char c) { return static_cast<std::uint32_t>(static_cast<unsigned char>(c)) | 0x20U; };
    return static_cast<std::uint32_t>(name.size()) << 16U ^ letter(name.front()) << 8U ^ letter(name.back());
  }

  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = Field;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = Field;

    Iterator() = default;
    Iterator(const Fields* fields, std::size_t index) : fields_(fields), index_(index) {}
    Field operator*() const { return (*fields_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++index_;
      return before;
    }
    bool operator==(const Iterator& other) const { return index_ == other.index_; }

   private:
    const Fields* fields_ = nullptr;
    std::size_t index_ = 0;
  };

  Fields() = default;
  Fields(std::initializer_list<Field> fields);
  // Takes a copy of `block` as the arena that `entries` point into, their marks not yet set (for decoders).
  static Fields from_block(std::string_view block, std::vector<Entry> entries);

  // Room for the fields of a block of HPACK of that many octets, and for what a proxy adds to them.
  void expect(std::size_t bytes);
  void add(std::string_view name, std::string_view value);
  // One field of that name with that value, where the first one stood; the others go.
  void set(std::string_view name, std::string_view value);
  std::size_t remove(std::string_view name);  // how many went
  template <class Predicate>                  // bool(Field)
  std::size_t remove_if(Predicate predicate) {
    return std::erase_if(entries_, [&](const Entry& entry) { return predicate(view(entry)); });
  }
  void clear();

  std::optional<std::string_view> find(std::string_view name) const;  // the first one's value
  std::optional<std::string_view> only(std::string_view name) const;  // its value, if there is exactly one
  bool has(std::string_view name) const { return find(name).has_value(); }
  std::size_t count(std::string_view name) const;
  std::vector<std::string_view> all(std::string_view name) const;
  // The values of a list field in one, separated by `separator` (RFC 9110 §5.3); empty if there is none.
  std::string joined(std::string_view name, std::string_view separator = ", ") const;
  // Whether a comma-separated list field, in any of its lines, has this member (case ignored, parameters not stripped).
  bool lists(std::string_view name, std::string_view member) const;

  Field operator[](std::size_t index) const { return view(entries_[index]); }
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, entries_.size()}; }
  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  // Names and values plus 32 for each field, the measure of SETTINGS_MAX_HEADER_LIST_SIZE (RFC 9113 §6.5.2).
  std::size_t bytes() const;

 private:
  Field view(const Entry& entry) const {
    const std::string_view arena = arena_;
    return {arena.substr(entry.name, entry.name_size), arena.substr(entry.value, entry.value_size)};
  }
  Entry store(std::string_view name, std::string_view value);
  [[gnu::always_inline]] bool is_named(const Entry& entry, std::uint32_t mark, std::string_view name) const {
    return entry.mark == mark && equal_ignoring_case(view(entry).name, name);
  }

  std::string arena_;
  std::vector<Entry> entries_;
};

// Calls visit(std::string_view member) for each non-empty member of a comma-separated list value.
template <class Visit>
void for_each_member(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view member = trim_whitespace(list.substr(0, comma));
    if (!member.empty()) visit(member);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace bulkhead::http
