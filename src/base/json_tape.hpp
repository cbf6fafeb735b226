#pragma once

// JSON (RFC 8259) as somebody else wrote it: read once into a flat list of values that refer to the text. Stricter than
// the RFC where programs differ: no repeated members, no unpaired surrogates, UTF-8 only, bounded depth. For bodies and
// tokens, of which there is one in each request; read_json() (base/json.hpp) makes a tree of it.

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::tape {

enum class Kind : std::uint8_t { null, boolean, number, string, array, object };

// One value, or one member's name: in an object the values alternate name, value, name, value.
struct Value {
  Kind kind = Kind::null;
  bool truth = false;       // booleans
  bool escaped = false;     // strings: the text has escapes
  bool plain = false;       // numbers: digits alone, a sign at most
  std::uint32_t begin = 0;  // in the source, with quotes and brackets
  std::uint32_t end = 0;
  std::uint32_t next = 0;   // the index behind the value and all that is in it
  std::uint32_t count = 0;  // arrays: items; objects: members
  std::uint32_t text = 0;   // strings: where the unescaped text begins, in the source or in what was unescaped
  std::uint32_t size = 0;   // strings: its bytes
  std::uint32_t hash = 0;   // names of members: hash_text of it
};

struct JsonMistake {
  std::size_t offset = 0;
  std::string_view what;  // static
};

inline constexpr std::size_t kDeepestJson = 64;
inline constexpr std::size_t kLargestJson = 1U << 30U;
inline constexpr std::size_t kLongestNumber = 1024;

// Not keyed: whoever sorts or looks up by it must be right, and not slow, when all hashes are equal.
std::uint32_t hash_text(std::string_view text);

// Names and words are short: no call for them.
inline bool same_text(std::string_view a, std::string_view b) {
  const std::size_t size = a.size();
  if (size != b.size()) return false;
  const auto differ = [&]<class Word>(Word one, std::size_t at) {
    Word other = 0;
    std::memcpy(&one, a.data() + at, sizeof one);
    std::memcpy(&other, b.data() + at, sizeof other);
    return one != other;
  };
  if (size > 32) return a == b;
  if (size >= 8) {
    for (std::size_t at = 0; at + 8 < size; at += 8) {
      if (differ(std::uint64_t{0}, at)) return false;
    }
    return !differ(std::uint64_t{0}, size - 8);
  }
  if (size >= 4) return !differ(std::uint32_t{0}, 0) && !differ(std::uint32_t{0}, size - 4);
  for (std::size_t at = 0; at < size; ++at) {
    if (a[at] != b[at]) return false;
  }
  return true;
}

// Holds its memory from one text to the next. Of one thread.
class Json {
 public:
  // The source is borrowed until the next read. After a mistake nothing may be asked. `deepest`: up to kDeepestJson.
  std::optional<JsonMistake> read(std::string_view source, std::size_t deepest = kDeepestJson);

  std::string_view source() const { return source_; }
  const Value& operator[](std::uint32_t index) const { return values_[index]; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(values_.size()); }

  // Unescaped text of a string or of a member's name.
  std::string_view text(std::uint32_t index) const {
    const Value& value = values_[index];
    return {(value.escaped ? unescaped_.data() : source_.data()) + value.text, value.size};
  }
  // As it stands in the source.
  std::string_view raw(std::uint32_t index) const {
    return {source_.data() + values_[index].begin, values_[index].end - values_[index].begin};
  }

  // The value of the member, or nothing.
  std::optional<std::uint32_t> member(std::uint32_t object, std::string_view name) const;
  // The value that a JSON pointer (RFC 6901) names, or nothing.
  std::optional<std::uint32_t> find(std::string_view pointer) const;
  // The JSON pointer to a value or a name, which counts as its member. Cut off with an ellipsis where it is very long.
  std::string pointer(std::uint32_t index) const;

 private:
  friend class JsonReader;
  std::string_view source_;
  std::string unescaped_;
  std::vector<Value> values_;
  std::vector<std::uint32_t> names_;  // scratch
};

// `text` as a token of a JSON pointer: `~` and `/` escaped.
void append_token(std::string& pointer, std::string_view text);
// Takes the next token off the front of a pointer's rest, unescaped; false where it is malformed or at its end.
bool take_token(std::string_view& rest, std::string& token);
// `text` as a JSON string, with quotes.
void append_quoted(std::string& out, std::string_view text);
// Whether the text is a number of JSON's grammar.
bool is_number(std::string_view text);

}  // namespace bulkhead::tape
