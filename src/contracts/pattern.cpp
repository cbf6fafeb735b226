#include "contracts/pattern.hpp"

#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include <re2/re2.h>

#include "base/ascii.hpp"

namespace bulkhead::contracts {

namespace {

constexpr std::int64_t kMostMemory = 1 << 20;
constexpr std::size_t kLongestExpression = 4096;
constexpr std::size_t kLongestTranslation = 1U << 20U;  // classes become long ones

// ECMA-262's white space and its complement, as members of a class.
constexpr std::string_view kSpace =
    R"(\t\n\v\f\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff})";
constexpr std::string_view kNoSpace =
    R"(\x{0}-\x{8}\x{e}-\x{1f}\x{21}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff})";
constexpr std::string_view kAny = R"([\x{0}-\x{10ffff}])";
constexpr std::string_view kNothing = R"([^\x{0}-\x{10ffff}])";

// General categories by their long names, which RE2 knows by the short ones alone.
constexpr std::array kCategories{
    std::pair{std::string_view("Letter"), std::string_view("L")},
    std::pair{std::string_view("Lowercase_Letter"), std::string_view("Ll")},
    std::pair{std::string_view("Uppercase_Letter"), std::string_view("Lu")},
    std::pair{std::string_view("Mark"), std::string_view("M")},
    std::pair{std::string_view("Number"), std::string_view("N")},
    std::pair{std::string_view("Decimal_Number"), std::string_view("Nd")},
    std::pair{std::string_view("digit"), std::string_view("Nd")},
    std::pair{std::string_view("Punctuation"), std::string_view("P")},
    std::pair{std::string_view("Symbol"), std::string_view("S")},
    std::pair{std::string_view("Separator"), std::string_view("Z")},
    std::pair{std::string_view("Space_Separator"), std::string_view("Zs")},
    std::pair{std::string_view("Other"), std::string_view("C")},
};

class Translator {
 public:
  explicit Translator(std::string_view text) : rest_(text) {}

  Result<std::string> run() {
    while (!rest_.empty() && wrong_.empty()) {
      in_class_ ? class_member() : outside();
    }
    if (wrong_.empty() && in_class_) wrong_ = "a ']' is missing";
    if (!wrong_.empty()) return fail(Cause::unsupported, "{}", wrong_);
    return std::move(out_);
  }

 private:
  bool take(std::string_view prefix) {
    if (!rest_.starts_with(prefix)) return false;
    rest_.remove_prefix(prefix.size());
    return true;
  }

  char next() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  void outside() {
    if (take("\\")) return escape();
    if (take("[^]")) return put(kAny);
    if (take("[]")) return put(kNothing);
    if (take("[^")) return open_class("[^");
    if (take("[")) return open_class("[");
    if (take(".")) return put(R"([^\n\r\x{2028}\x{2029}])");
    if (rest_.starts_with("(?")) return group();
    out_.push_back(next());
  }

  void put(std::string_view text) { out_ += text; }

  void open_class(std::string_view text) {
    in_class_ = true;
    put(text);
  }

  void group() {
    if (take("(?:")) return put("(?:");
    for (const std::string_view around : {"(?=", "(?!", "(?<=", "(?<!"}) {
      if (rest_.starts_with(around)) return refuse("lookaround");
    }
    if (take("(?<")) return put("(?P<");
    refuse("groups with flags");
  }

  void class_member() {
    if (take("\\")) return escape();
    if (take("]")) {
      in_class_ = false;
      return put("]");
    }
    if (take("[")) return put("\\[");
    out_.push_back(next());
  }

  void refuse(std::string_view what) {
    wrong_ = fmt::format("{} in a regular expression", what);
    rest_ = {};
  }

  void escape() {
    if (rest_.empty()) return refuse("a backslash at the end");
    const char c = next();
    switch (c) {
      case 'd':
      case 'D':
      case 'w':
      case 'W':
      case 't':
      case 'n':
      case 'v':
      case 'f':
      case 'r': out_ += {'\\', c}; return;
      case 's': return space(kSpace);
      case 'S': return space(kNoSpace);
      case 'b': return put(in_class_ ? R"(\x{8})" : R"(\b)");
      case 'B': return in_class_ ? refuse("'\\B' in a class") : put(R"(\B)");
      case 'c': return control();
      case 'x': return hex(2);
      case 'u': return unicode();
      case 'p':
      case 'P': return property(c);
      case '0': return rest_.empty() || !is_digit(rest_[0]) ? put(R"(\x{0})") : refuse("an octal escape");
      case 'k': return refuse("a backreference");
      default: return identity(c);
    }
  }

  void space(std::string_view members) { out_ += in_class_ ? std::string(members) : fmt::format("[{}]", members); }

  void control() {
    const char c = rest_.empty() ? '\0' : next();
    const bool letter = is_letter(c);
    letter ? code(static_cast<unsigned>(c) % 32) : refuse("'\\c' without a letter");
  }

  void code(unsigned value) { out_ += fmt::format("\\x{{{:x}}}", value); }

  // The number in exactly `digits` hexadecimal digits, or in braces where that is 0.
  std::optional<unsigned> take_hex(std::size_t digits) {
    std::size_t end = digits;
    if (digits == 0) {
      end = rest_.find('}');
      if (end > 6) return std::nullopt;  // nowhere is further
    }
    if (rest_.size() < end || end == 0) return std::nullopt;
    unsigned value = 0;
    const char* begin = rest_.data();
    const auto [last, error] = std::from_chars(begin, begin + end, value, 16);
    if (error != std::errc() || last != begin + end || value > 0x10ffff) return std::nullopt;
    rest_.remove_prefix(digits == 0 ? end + 1 : end);
    return value;
  }

  void hex(std::size_t digits) {
    const auto value = take_hex(digits);
    value ? code(*value) : refuse("an incomplete escape");
  }

  void unicode() {
    if (take("{")) return hex(0);
    const auto high = take_hex(4);
    if (!high) return refuse("an incomplete escape");
    if (*high >= 0xd800 && *high < 0xdc00 && take("\\u")) {
      const auto low = take_hex(4);
      if (!low || *low < 0xdc00 || *low > 0xdfff) return refuse("an unpaired surrogate");
      return code(0x10000 + ((*high - 0xd800) << 10U) + (*low - 0xdc00));
    }
    if (*high >= 0xd800 && *high < 0xe000) return refuse("an unpaired surrogate");
    code(*high);
  }

  void property(char c) {
    const std::size_t end = rest_.find('}');
    if (!rest_.starts_with('{') || end == std::string_view::npos) return refuse("a property without braces");
    std::string_view name = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    for (const std::string_view prefix : {"Script=", "sc=", "General_Category=", "gc="}) {
      if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
    }
    for (const auto& [long_name, short_name] : kCategories) {
      if (name == long_name) name = short_name;
    }
    out_ += fmt::format("\\{}{{{}}}", c, name);
  }

  void identity(char c) {
    if (c >= '1' && c <= '9') return refuse("a backreference");
    if (std::string_view(R"(^$\.*+?()[]{}|/-)").find(c) == std::string_view::npos) {
      // Without the `u` flag other punctuation may be escaped; letters are kept for what they may mean one day.
      const bool letter = is_letter(c) || c == '_';
      if (letter || static_cast<unsigned char>(c) >= 0x80)
        return refuse(fmt::format("the escape '\\{}'", letter ? c : '?'));
    }
    out_ += {'\\', c};
  }

  std::string_view rest_;
  std::string out_;
  std::string wrong_;
  bool in_class_ = false;
};

}  // namespace

Result<std::string> to_re2(std::string_view expression) { return Translator(expression).run(); }

Result<Pattern> Pattern::compile(std::string_view expression) {
  if (expression.size() > kLongestExpression) {
    return fail(Cause::unsupported, "a regular expression of more than {} bytes", kLongestExpression);
  }
  const auto translated = to_re2(expression);
  if (!translated) return fail(translated.error());
  return compile_re2(*translated);
}

Result<Pattern> Pattern::compile_re2(std::string_view expression) {
  if (expression.size() > kLongestTranslation) {
    return fail(Cause::unsupported, "a regular expression of more than {} bytes", kLongestTranslation);
  }
  RE2::Options options(RE2::Quiet);
  options.set_max_mem(kMostMemory);
  options.set_never_capture(true);
  auto program = std::make_shared<const RE2>(re2::StringPiece(expression.data(), expression.size()), options);
  if (!program->ok()) return fail(Cause::unsupported, "a regular expression: {}", program->error());
  return Pattern(std::move(program));
}

const std::string& Pattern::expression() const { return program_->pattern(); }

bool Pattern::is_found_in(std::string_view text) const {
  const re2::StringPiece piece(text.data(), text.size());
  return program_->Match(piece, 0, piece.size(), RE2::UNANCHORED, nullptr, 0);
}

}  // namespace bulkhead::contracts
