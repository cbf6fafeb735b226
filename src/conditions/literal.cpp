#include "conditions/literal.hpp"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "conditions/text.hpp"

namespace bulkhead::conditions {

namespace {

template <class Number>
std::optional<Number> read_integer(std::string_view digits, bool negative) {
  const bool hex = digits.starts_with("0x") || digits.starts_with("0X");
  const std::string text = (negative ? "-" : "") + std::string(hex ? digits.substr(2) : digits);
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, hex ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<double> read_double(std::string_view text, bool negative) {
  double number = 0;
  const std::string whole = (text.starts_with('.') ? "0" : "") + std::string(text);
  const auto [end, error] = std::from_chars(whole.data(), whole.data() + whole.size(), number);
  if (error == std::errc::result_out_of_range) number = std::strtod(whole.c_str(), nullptr);  // 0 for what is too small
  if (end != whole.data() + whole.size() || !std::isfinite(number)) return std::nullopt;
  return negative ? -number : number;
}

// Reads the escapes of one text.
class Unescaper {
 public:
  Unescaper(const Token& token, std::string_view inner, std::size_t offset)
      : bytes_(token.kind == TokenKind::bytes), inner_(inner), offset_(offset) {}

  Checked<std::string> read() {
    while (at_ < inner_.size()) {
      if (inner_[at_] != '\\') {
        text_ += inner_[at_++];
      } else if (auto done = escape(); !done) {
        return std::unexpected(done.error());
      }
    }
    return std::move(text_);
  }

 private:
  Checked<void> escape() {
    const char c = at_ + 1 < inner_.size() ? inner_[at_ + 1] : '\0';
    constexpr std::string_view kLetters = "abfnrtv\\?\"'`";
    constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\?\"'`";
    if (const std::size_t found = kLetters.find(c); found != std::string_view::npos) {
      text_ += kMeanings[found];
      at_ += 2;
      return {};
    }
    if (c == 'x' || c == 'X') return code(2, 2, 16);
    if (c == 'u' && !bytes_) return code(2, 4, 16);
    if (c == 'U' && !bytes_) return code(2, 8, 16);
    if (c >= '0' && c <= '3') return code(1, 3, 8);
    return mistaken(offset_ + at_, "'\\{}' is no escape{}: write \\\\ for a backslash", c, bytes_ ? " in bytes" : "");
  }

  // `digits` of base `base` behind `skip` bytes: an octet, or in a string a code point.
  Checked<void> code(std::size_t skip, std::size_t digits, int base) {
    const std::string_view text = inner_.substr(at_ + skip, digits);
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (text.size() != digits || error != std::errc() || end != text.data() + text.size()) {
      return mistaken(offset_ + at_, "this escape has {} {} digits", digits, base == 8 ? "octal" : "hexadecimal");
    }
    if (bytes_) {
      text_ += static_cast<char>(number);
    } else if (number > 0x10ffff || (number >= 0xd800 && number <= 0xdfff)) {
      return mistaken(offset_ + at_, "there is no character U+{:04X}", number);
    } else {
      append_character(text_, number);
    }
    at_ += skip + digits;
    return {};
  }

  bool bytes_;
  std::string_view inner_;
  std::size_t offset_;
  std::size_t at_ = 0;
  std::string text_;
};

}  // namespace

Checked<Value> read_number(const Token& token, bool negative) {
  const std::string_view text = token.text;
  if (token.kind == TokenKind::float64) {
    if (const auto number = read_double(text, negative)) return Value::float64(*number);
    return mistaken(token.offset, "{} does not fit a double", text);
  }
  if (token.kind == TokenKind::uint64) {
    if (const auto number = read_integer<std::uint64_t>(text.substr(0, text.size() - 1), false)) {
      return Value::uint64(*number);
    }
    return mistaken(token.offset, "{} does not fit a uint, which is at most {}u", text, UINT64_MAX);
  }
  if (const auto number = read_integer<std::int64_t>(text, negative)) return Value::int64(*number);
  return mistaken(token.offset, "{}{} does not fit an int, which is from {} to {}", negative ? "-" : "", text,
                  INT64_MIN, INT64_MAX);
}

Checked<std::string> read_text(const Token& token) {
  std::string_view inner = token.text;
  const std::size_t prefix = inner.find_first_of("'\"");
  const bool raw = inner.substr(0, prefix).find_first_of("rR") != std::string_view::npos;
  inner.remove_prefix(prefix);
  const std::string three(3, inner.front());
  const std::size_t quote = inner.size() >= 6 && inner.starts_with(three) ? 3 : 1;
  inner = inner.substr(quote, inner.size() - 2 * quote);
  if (raw) return std::string(inner);
  return Unescaper(token, inner, token.offset + prefix + quote).read();
}

}  // namespace bulkhead::conditions
