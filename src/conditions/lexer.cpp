#include "conditions/lexer.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "base/utf8.hpp"

namespace bulkhead::conditions {

namespace {

constexpr std::array<std::string_view, 25> kSymbols = {  // a longer one before its beginning
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%",
    "!",  "?",  ":",  ".",  ",",  "(",  ")", "[", "]", "{", "}", "="};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_of_name(char c) { return begins_name(c) || is_digit(c); }
bool is_of_quoted(char c) { return is_of_name(c) || c == '.' || c == '-' || c == '/' || c == ' '; }

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  Checked<std::vector<Token>> read() {
    while (true) {
      skip_space();
      if (at_ == source_.size()) break;
      const std::size_t begin = at_;
      const Checked<TokenKind> kind = next();
      if (!kind) return std::unexpected(kind.error());
      tokens_.push_back({*kind, begin, source_.substr(begin, at_ - begin)});
    }
    tokens_.push_back({TokenKind::end, source_.size(), {}});
    return std::move(tokens_);
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }

  void skip_space() {
    while (at_ < source_.size()) {
      if (source_.substr(at_).starts_with("//")) {
        at_ = std::min(source_.find('\n', at_), source_.size());
      } else if (std::string_view(" \t\r\n\f").contains(source_[at_])) {
        ++at_;
      } else {
        return;
      }
    }
  }

  template <class Predicate>
  std::size_t skip_while(Predicate predicate) {
    const std::size_t begin = at_;
    while (at_ < source_.size() && predicate(source_[at_])) ++at_;
    return at_ - begin;
  }

  Checked<TokenKind> next() {
    if (const auto kind = text_kind()) return skip_text(*kind);
    if (begins_name(peek())) {
      skip_while(is_of_name);
      return TokenKind::identifier;
    }
    if (is_digit(peek()) || (peek() == '.' && is_digit(peek(1)))) return number();
    if (peek() == '`') return quoted();
    for (const std::string_view symbol : kSymbols) {
      if (!source_.substr(at_).starts_with(symbol)) continue;
      at_ += symbol.size();
      return TokenKind::symbol;
    }
    const std::size_t length = std::max<std::size_t>(1, sequence_length(source_.substr(at_)));
    return mistaken(at_, "unexpected '{}'", source_.substr(at_, length));
  }

  // What begins here, if it is a text in quotes with or without `r` and `b` in front.
  std::optional<TokenKind> text_kind() const {
    std::size_t quote = 0;
    bool bytes = false;
    bool raw = false;
    for (char c = peek(); quote < 2; c = peek(quote)) {
      const bool b = (c == 'b' || c == 'B') && !bytes;
      const bool r = (c == 'r' || c == 'R') && !raw;
      if (!b && !r) break;
      bytes = bytes || b;
      raw = raw || r;
      ++quote;
    }
    if (peek(quote) != '"' && peek(quote) != '\'') return std::nullopt;
    return bytes ? TokenKind::bytes : TokenKind::string;
  }

  Checked<TokenKind> skip_text(TokenKind kind) {
    const std::size_t begin = at_;
    const std::size_t prefix = skip_while([](char c) { return c != '"' && c != '\''; });
    const std::string_view start = source_.substr(begin, prefix);
    const bool raw = start.contains('r') || start.contains('R');
    const std::string three(3, peek());
    const bool tripled = source_.substr(at_).starts_with(three);
    const std::string_view quote = std::string_view(three).substr(0, tripled ? 3 : 1);
    for (at_ += quote.size(); at_ < source_.size(); ++at_) {
      if (source_.substr(at_).starts_with(quote)) {
        at_ += quote.size();
        return kind;
      }
      if (source_[at_] == '\\' && !raw) ++at_;
      if (!tripled && (peek() == '\n' || peek() == '\r')) break;
    }
    return mistaken(begin, "the text that begins here does not end with {}", quote);
  }

  Checked<TokenKind> number() {
    const std::size_t begin = at_;
    if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X') && is_hex(peek(2))) {
      at_ += 2;
      skip_while(is_hex);
      return suffix(TokenKind::int64, begin);
    }
    skip_while(is_digit);
    bool real = false;
    if (peek() == '.' && is_digit(peek(1))) {
      real = true;
      ++at_;
      skip_while(is_digit);
    }
    const std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
    if ((peek() == 'e' || peek() == 'E') && is_digit(peek(1 + sign))) {
      real = true;
      at_ += 1 + sign;
      skip_while(is_digit);
    }
    return suffix(real ? TokenKind::float64 : TokenKind::int64, begin);
  }

  Checked<TokenKind> suffix(TokenKind kind, std::size_t begin) {
    if (kind == TokenKind::int64 && (peek() == 'u' || peek() == 'U')) {
      ++at_;
      kind = TokenKind::uint64;
    }
    if (!is_of_name(peek())) return kind;
    skip_while(is_of_name);
    return mistaken(begin, "'{}' is no number", source_.substr(begin, at_ - begin));
  }

  Checked<TokenKind> quoted() {
    const std::size_t begin = at_++;
    if (skip_while(is_of_quoted) == 0 || peek() != '`') {
      return mistaken(
          begin, "a name in backticks is letters, digits, '_', '-', '.', '/' and spaces, and ends with a backtick");
    }
    ++at_;
    return TokenKind::quoted;
  }

  std::string_view source_;
  std::size_t at_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

Checked<std::vector<Token>> read_tokens(std::string_view source) { return Lexer(source).read(); }

}  // namespace bulkhead::conditions
