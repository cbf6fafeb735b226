#include "base/json_tape.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/ascii.hpp"
#include "base/utf8.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace bulkhead::tape {

namespace {

constexpr std::size_t kFewMembers = 16;
constexpr std::uint32_t kNoName = 0;  // is always another value

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

const char* skip_digits(const char* at, const char* end) {
  while (at != end && is_digit(*at)) ++at;
  return at;
}

// Behind the number at `at`; null where there is none.
const char* skip_number(const char* at, const char* end, bool& plain) {
  plain = true;
  if (at != end && *at == '-') ++at;
  if (at == end || !is_digit(*at)) return nullptr;
  at = *at == '0' ? at + 1 : skip_digits(at, end);
  if (at != end && *at == '.') {
    plain = false;
    const char* digits = at + 1;
    at = skip_digits(digits, end);
    if (at == digits) return nullptr;
  }
  if (at != end && (*at == 'e' || *at == 'E')) {
    plain = false;
    ++at;
    if (at != end && (*at == '+' || *at == '-')) ++at;
    const char* digits = at;
    at = skip_digits(digits, end);
    if (at == digits || at - digits > 9) return nullptr;
  }
  return at;
}

// The first octet that is no plain ASCII text: a quote, a backslash, a control character, or a part of a longer
// character.
const char* skip_plain(const char* at, const char* end) {
#if defined(__SSE2__)
  for (; end - at >= 16; at += 16) {
    const __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i special = _mm_or_si128(
        _mm_cmplt_epi8(octets, _mm_set1_epi8(0x20)),  // and, as negative, above 0x7f
        _mm_or_si128(_mm_cmpeq_epi8(octets, _mm_set1_epi8('"')), _mm_cmpeq_epi8(octets, _mm_set1_epi8('\\'))));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(special));
    if (mask != 0) return at + __builtin_ctz(mask);
  }
#endif
  while (at != end && static_cast<signed char>(*at) >= 0x20 && *at != '"' && *at != '\\') ++at;
  return at;
}

void append_character(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t octet) { out.push_back(static_cast<char>(octet)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0U | code >> 6U);
  } else {
    if (code < 0x10000) {
      put(0xe0U | code >> 12U);
    } else {
      put(0xf0U | code >> 18U);
      put(0x80U | (code >> 12U & 0x3fU));
    }
    put(0x80U | (code >> 6U & 0x3fU));
  }
  put(0x80U | (code & 0x3fU));
}

char simple_escape(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/': return c;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return 0;
  }
}

}  // namespace

std::uint32_t hash_text(std::string_view text) {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15U;
  const char* at = text.data();
  std::size_t left = text.size();
  std::uint64_t hash = left * kOdd;
  const auto mix = [&](std::uint64_t word) {
    hash = (hash ^ word) * kOdd;
    hash ^= hash >> 32U;
  };
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    mix(word);
  }
  if (left >= 4) {
    std::uint32_t front = 0;
    std::uint32_t back = 0;
    std::memcpy(&front, at, 4);
    std::memcpy(&back, at + left - 4, 4);
    mix(std::uint64_t{front} << 32U | back);
  } else if (left > 0) {
    const auto octet = [&](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(at[i])}; };
    mix(octet(0) << 16U | octet(left / 2) << 8U | octet(left - 1));
  }
  return static_cast<std::uint32_t>(hash);
}

// Reads by descent, which `deepest` bounds.
class JsonReader {
 public:
  JsonReader(Json& json, std::size_t deepest)
      : json_(json), begin_(json.source_.data()), at_(begin_), end_(begin_ + json.source_.size()), deepest_(deepest) {}

  std::optional<JsonMistake> run() {
    skip_space();
    if (!value(0)) return mistake_;
    skip_space();
    if (at_ != end_) return fail("there is more behind the value"), mistake_;
    return std::nullopt;
  }

 private:
  bool fail(std::string_view what) {
    mistake_ = {static_cast<std::size_t>(at_ - begin_), what};
    return false;
  }

  void skip_space() {
    while (at_ != end_ && is_space(*at_)) ++at_;
  }

  std::uint32_t offset() const { return static_cast<std::uint32_t>(at_ - begin_); }

  std::uint32_t open(Kind kind) {
    const auto index = json_.size();
    Value& value = json_.values_.emplace_back();
    value.kind = kind;
    value.begin = offset();
    value.next = index + 1;
    return index;
  }

  bool value(std::size_t depth) {
    if (at_ == end_) return fail("the text ends where a value is expected");
    switch (*at_) {
      case '{': return object(depth);
      case '[': return array(depth);
      case '"': return string();
      case 't': return word("true", Kind::boolean, true);
      case 'f': return word("false", Kind::boolean, false);
      case 'n': return word("null", Kind::null, false);
      default: return number();
    }
  }

  bool word(std::string_view text, Kind kind, bool truth) {
    if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(text)) {
      return fail("this is no value");
    }
    Value& value = json_.values_[open(kind)];
    value.truth = truth;
    at_ += text.size();
    value.end = offset();
    return true;
  }

  bool number() {
    bool plain = false;
    const char* behind = skip_number(at_, end_, plain);
    if (!behind) return fail("this is no value");
    if (static_cast<std::size_t>(behind - at_) > kLongestNumber) return fail("the number is too long");
    Value& value = json_.values_[open(Kind::number)];
    value.plain = plain;
    at_ = behind;
    value.end = offset();
    return true;
  }

  bool string() {
    const auto index = open(Kind::string);
    const char* text = ++at_;
    at_ = skip_plain(at_, end_);
    const bool whole = at_ != end_ && *at_ == '"';
    if (!whole && !skip_characters()) return false;
    if (*at_ == '\\') {
      if (!unescape(index, text)) return false;
    } else {
      Value& value = json_.values_[index];
      value.text = static_cast<std::uint32_t>(text - begin_);
      value.size = static_cast<std::uint32_t>(at_ - text);
    }
    ++at_;
    json_.values_[index].end = offset();
    return true;
  }

  // To the next quote or backslash.
  bool skip_characters() {
    for (;;) {
      at_ = skip_plain(at_, end_);
      if (at_ == end_) return fail("the text ends within a string");
      if (*at_ == '"' || *at_ == '\\') return true;
      if (static_cast<unsigned char>(*at_) < 0x20) return fail("a control character within a string");
      const std::size_t length = sequence_length({at_, static_cast<std::size_t>(end_ - at_)});
      if (length == 0) return fail("the text is not UTF-8");
      at_ += length;
    }
  }

  bool unescape(std::uint32_t index, const char* text) {
    std::string& out = json_.unescaped_;
    const std::size_t start = out.size();
    for (;;) {
      out.append(text, at_);
      if (*at_ == '"') break;
      ++at_;
      if (!escape(out)) return false;
      text = at_;
      if (!skip_characters()) return false;
    }
    Value& value = json_.values_[index];
    value.escaped = true;
    value.text = static_cast<std::uint32_t>(start);
    value.size = static_cast<std::uint32_t>(out.size() - start);
    return true;
  }

  bool escape(std::string& out) {
    if (at_ == end_) return fail("the text ends within a string");
    if (*at_ != 'u') {
      const char plain = simple_escape(*at_);
      if (plain == 0) return fail("an unknown escape");
      out.push_back(plain);
      ++at_;
      return true;
    }
    ++at_;
    std::uint32_t code = 0;
    if (!hex(code)) return false;
    if (code >= 0xd800 && code < 0xe000) {
      std::uint32_t low = 0;
      const bool pair = code < 0xdc00 && end_ - at_ >= 6 && at_[0] == '\\' && at_[1] == 'u';
      if (!pair) return fail("an unpaired surrogate");
      at_ += 2;
      if (!hex(low)) return false;
      if (low < 0xdc00 || low >= 0xe000) return fail("an unpaired surrogate");
      code = 0x10000 + ((code - 0xd800) << 10U) + (low - 0xdc00);
    }
    append_character(out, code);
    return true;
  }

  bool hex(std::uint32_t& code) {
    if (end_ - at_ < 4) return fail("the text ends within a string");
    for (int i = 0; i < 4; ++i, ++at_) {
      const int digit = hex_value(*at_);
      if (digit < 0) return fail("an unknown escape");
      code = code << 4U | static_cast<std::uint32_t>(digit);
    }
    return true;
  }

  // Behind an opening bracket: whether it is closed at once.
  bool is_empty(char closing) {
    ++at_;
    skip_space();
    if (at_ == end_ || *at_ != closing) return false;
    ++at_;
    return true;
  }

  // Behind an item: whether another follows. Fails where neither a comma nor the end is there.
  bool follows(char closing, bool& more) {
    skip_space();
    if (at_ == end_) return fail("the text ends within an array or object");
    more = *at_ == ',';
    if (!more && *at_ != closing) return fail("neither a comma nor the end");
    ++at_;
    if (more) skip_space();
    return true;
  }

  void close(std::uint32_t index, std::uint32_t count) {
    Value& value = json_.values_[index];
    value.count = count;
    value.end = offset();
    value.next = json_.size();
  }

  bool array(std::size_t depth) {
    if (depth >= deepest_) return fail("nested too deeply");
    const auto index = open(Kind::array);
    std::uint32_t count = 0;
    for (bool more = !is_empty(']'); more;) {
      ++count;
      if (!value(depth + 1) || !follows(']', more)) return false;
    }
    close(index, count);
    return true;
  }

  bool object(std::size_t depth) {
    if (depth >= deepest_) return fail("nested too deeply");
    const auto index = open(Kind::object);
    std::array<std::uint32_t, kFewMembers> hashes;  // of the first ones, compared with each other as they come
    std::uint32_t count = 0;
    for (bool more = !is_empty('}'); more; ++count) {
      const auto name = json_.size();
      if (!member_name(name)) return false;
      if (count < kFewMembers) {
        hashes[count] = json_[name].hash;
        if (repeats(hashes.data(), count) && find_repeat(index, name)) return false;
      }
      if (!value(depth + 1) || !follows('}', more)) return false;
    }
    close(index, count);
    return count <= kFewMembers || !find_repeat(index, kNoName);
  }

  bool member_name(std::uint32_t index) {
    if (at_ == end_ || *at_ != '"') return fail("a member's name is expected");
    if (!string()) return false;
    json_.values_[index].hash = hash_text(json_.text(index));
    skip_space();
    if (at_ == end_ || *at_ != ':') return fail("a colon is expected");
    ++at_;
    skip_space();
    return true;
  }

  // Whether the last of these is among those before it.
  static bool repeats(const std::uint32_t* hashes, std::uint32_t last) {
    bool any = false;
    for (std::uint32_t i = 0; i < last; ++i) any |= hashes[i] == hashes[last];
    return any;
  }

  // Sorted, so that many members of one hash cost no square. Of an object that is being read, those up to the name
  // `last`. Fails with one of those that repeat.
  bool find_repeat(std::uint32_t object, std::uint32_t last) {
    auto& names = json_.names_;
    names.clear();
    for (auto name = object + 1; name != json_.size(); name = json_[name + 1].next) {
      names.push_back(name);
      if (name == last) break;
    }
    std::ranges::sort(names, [&](std::uint32_t a, std::uint32_t b) {
      if (json_[a].hash != json_[b].hash) return json_[a].hash < json_[b].hash;
      const auto order = json_.text(a) <=> json_.text(b);
      return order != 0 ? order < 0 : a < b;
    });
    const auto repeat = std::ranges::adjacent_find(names, [&](std::uint32_t a, std::uint32_t b) {
      return json_[a].hash == json_[b].hash && json_.text(a) == json_.text(b);
    });
    if (repeat == names.end()) return false;
    at_ = begin_ + json_[*(repeat + 1)].begin;
    fail("a member stands there twice");
    return true;
  }

  Json& json_;
  const char* begin_;
  const char* at_;
  const char* end_;
  std::size_t deepest_;
  JsonMistake mistake_;
};

std::optional<JsonMistake> Json::read(std::string_view source, std::size_t deepest) {
  source_ = source;
  unescaped_.clear();
  values_.clear();
  if (source.size() > kLargestJson) return JsonMistake{kLargestJson, "the text is too large"};
  return JsonReader(*this, std::min(deepest, kDeepestJson)).run();
}

bool is_number(std::string_view text) {
  bool plain = false;
  const char* begin = text.data();
  const char* end = begin + text.size();
  return text.size() <= kLongestNumber && skip_number(begin, end, plain) == end;
}

}  // namespace bulkhead::tape
