#include "collect/flat.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace bulkhead::collect {

namespace {

bool is_figure(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::uint32_t point, std::string& out) {
  const auto tail = [&](unsigned shift) { out.push_back(static_cast<char>(0x80U | (point >> shift & 0x3FU))); };
  if (point < 0x80) {
    out.push_back(static_cast<char>(point));
  } else if (point < 0x800) {
    out.push_back(static_cast<char>(0xC0U | point >> 6U));
    tail(0);
  } else if (point < 0x10000) {
    out.push_back(static_cast<char>(0xE0U | point >> 12U));
    tail(6);
    tail(0);
  } else {
    out.push_back(static_cast<char>(0xF0U | point >> 18U));
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace

FlatObject::FlatObject(std::string_view text) : rest_(text) {
  // Unescaped text is never longer than escaped, so that views into it stay.
  if (text.find('\\') != std::string_view::npos) unescaped_.reserve(text.size());
  skip_space();
  if (!rest_.starts_with('{')) {
    fail();
    return;
  }
  rest_.remove_prefix(1);
}

bool FlatObject::fail() {
  mistaken_ = done_ = true;
  return false;
}

void FlatObject::skip_space() {
  const std::size_t end = rest_.find_first_not_of(" \t\r\n");
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end);
}

bool FlatObject::next() {
  if (done_) return false;
  skip_space();
  const bool first = std::exchange(first_, false);
  if (rest_.starts_with('}')) {
    rest_.remove_prefix(1);
    skip_space();
    done_ = true;
    if (!rest_.empty()) return fail();
    return false;
  }
  if (!first) {
    if (!rest_.starts_with(',')) return fail();
    rest_.remove_prefix(1);
    skip_space();
  }
  if (!read_string(key_)) return fail();
  skip_space();
  if (!rest_.starts_with(':')) return fail();
  rest_.remove_prefix(1);
  skip_space();
  return read_value() || fail();
}

bool FlatObject::read_value() {
  text_ = {};
  number_ = 0;
  if (rest_.starts_with('"')) return read_string(text_);
  for (const std::string_view word : {"true", "false", "null"}) {
    if (!rest_.starts_with(word)) continue;
    rest_.remove_prefix(word.size());
    return true;
  }
  return read_number();
}

bool FlatObject::read_string(std::string_view& value) {
  if (!rest_.starts_with('"')) return false;
  rest_.remove_prefix(1);
  const auto stop =
      std::ranges::find_if(rest_, [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; });
  const auto plain = static_cast<std::size_t>(stop - rest_.begin());
  if (stop == rest_.end()) return false;
  if (*stop == '"') {
    value = rest_.substr(0, plain);
    rest_.remove_prefix(plain + 1);
    return true;
  }
  const std::size_t begin = unescaped_.size();
  while (!rest_.empty()) {
    const char c = rest_.front();
    if (static_cast<unsigned char>(c) < 0x20) return false;
    rest_.remove_prefix(1);
    if (c == '"') {
      value = std::string_view(unescaped_).substr(begin);
      return true;
    }
    if (c != '\\') {
      unescaped_.push_back(c);
    } else if (!read_escape()) {
      return false;
    }
  }
  return false;
}

bool FlatObject::read_hex(std::uint32_t& unit) {
  if (rest_.size() < 4) return false;
  unit = 0;
  for (const char c : rest_.substr(0, 4)) {
    const char low = static_cast<char>(c | 0x20);
    if (!is_figure(c) && (low < 'a' || low > 'f')) return false;
    unit = unit << 4U | static_cast<std::uint32_t>(is_figure(c) ? c - '0' : low - 'a' + 10);
  }
  rest_.remove_prefix(4);
  return true;
}

bool FlatObject::read_escape() {
  if (rest_.empty()) return false;
  const char c = rest_.front();
  rest_.remove_prefix(1);
  constexpr std::string_view kLetters = "\"\\/bfnrt";
  constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
  if (const std::size_t at = kLetters.find(c); at != std::string_view::npos) {
    unescaped_.push_back(kMeant[at]);
    return true;
  }
  std::uint32_t point = 0;
  if (c != 'u' || !read_hex(point)) return false;
  constexpr std::uint32_t kReplacement = 0xFFFD;
  if (point >= 0xDC00 && point < 0xE000) point = kReplacement;
  if (point >= 0xD800 && point < 0xDC00) {
    std::uint32_t low = 0;
    const std::string_view before = rest_;
    if (rest_.starts_with("\\u")) rest_.remove_prefix(2);
    const bool paired = rest_.size() != before.size() && read_hex(low) && low >= 0xDC00 && low < 0xE000;
    if (paired) {
      point = 0x10000 + ((point - 0xD800) << 10U) + (low - 0xDC00);
    } else {
      point = kReplacement;
      rest_ = before;
    }
  }
  append_utf8(point, unescaped_);
  return true;
}

// RFC 8259 §6.
bool FlatObject::read_number() {
  const bool negative = rest_.starts_with('-');
  if (negative) rest_.remove_prefix(1);
  if (rest_.empty() || !is_figure(rest_.front())) return false;
  if (rest_.size() > 1 && rest_.front() == '0' && is_figure(rest_[1])) return false;
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  std::uint64_t value = 0;
  while (!rest_.empty() && is_figure(rest_.front())) {
    const auto digit = static_cast<std::uint64_t>(rest_.front() - '0');
    value = value > (kMost - digit) / 10 ? kMost : value * 10 + digit;
    rest_.remove_prefix(1);
  }
  const auto digits = [&] {
    const std::size_t size = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    rest_.remove_prefix(size);
    return size > 0;
  };
  if (rest_.starts_with('.')) {
    rest_.remove_prefix(1);
    if (!digits()) return false;
  }
  if (rest_.starts_with('e') || rest_.starts_with('E')) {
    rest_.remove_prefix(1);
    if (rest_.starts_with('+') || rest_.starts_with('-')) rest_.remove_prefix(1);
    if (!digits()) return false;
  }
  number_ = negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
  return true;
}

}  // namespace bulkhead::collect
