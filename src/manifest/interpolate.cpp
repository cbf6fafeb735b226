#include "manifest/interpolate.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::size_t kLongestResult = 1U << 20U;
constexpr int kDeepest = 8;

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_part(char c) { return is_name_start(c) || (c >= '0' && c <= '9'); }

std::string_view take_name(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && (length == 0 ? is_name_start(text[0]) : is_name_part(text[length]))) ++length;
  std::string_view name = text.substr(0, length);
  text.remove_prefix(length);
  return name;
}

// Where the brace closes that was opened before `text`, npos where it does not.
std::size_t closing_brace(std::string_view text) {
  int depth = 1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool opens = text[i] == '$' && i + 1 < text.size() && text[i + 1] == '{';
    if (opens)
      ++depth, ++i;
    else if (text[i] == '}' && --depth == 0)
      return i;
  }
  return std::string_view::npos;
}

class Interpolation {
 public:
  explicit Interpolation(const Environment& environment) : environment_(environment) {}

  Result<std::string> run(std::string_view text, int depth) {
    if (depth > kDeepest) return fail(Cause::invalid, "variables are nested more than {} levels deep", kDeepest);
    std::string result;
    while (!text.empty()) {
      std::size_t dollar = std::min(text.find('$'), text.size());
      result += text.substr(0, dollar);
      text.remove_prefix(dollar);
      if (text.empty()) break;
      auto value = take_variable(text, depth);
      if (!value) return value;
      result += *value;
      if (result.size() > kLongestResult) return fail(Cause::exhausted, "the variables make this longer than 1 MiB");
    }
    return result;
  }

 private:
  Result<std::string> take_variable(std::string_view& text, int depth) {
    text.remove_prefix(1);
    if (text.starts_with('$')) {
      text.remove_prefix(1);
      return "$";
    }
    if (text.starts_with('{')) return take_braced(text, depth);
    std::string_view name = take_name(text);
    if (name.empty()) return fail(Cause::invalid, "a '$' that begins no variable; write '$$' for a dollar sign");
    return required(name);
  }

  Result<std::string> take_braced(std::string_view& text, int depth) {
    text.remove_prefix(1);
    std::size_t end = closing_brace(text);
    if (end == std::string_view::npos) return fail(Cause::invalid, "'${{' without its '}}'");
    std::string_view inside = text.substr(0, end);
    text.remove_prefix(end + 1);
    std::string_view name = take_name(inside);
    if (name.empty()) return fail(Cause::invalid, "'${{' without the name of a variable");
    if (inside.empty()) return required(name);
    bool empty_counts_as_unset = inside.front() == ':';
    if (empty_counts_as_unset) inside.remove_prefix(1);
    if (inside.empty()) return bad_operator(name);
    return apply(name, empty_counts_as_unset, inside.front(), inside.substr(1), depth);
  }

  Result<std::string> apply(std::string_view name, bool empty_counts_as_unset, char operation, std::string_view word,
                            int depth) {
    auto value = look_up(name);
    if (value && value->empty() && empty_counts_as_unset) value.reset();
    switch (operation) {
      case '-': return value ? Result<std::string>(*value) : run(word, depth + 1);
      case '+': return value ? run(word, depth + 1) : Result<std::string>("");
      case '?':
        if (value) return *value;
        return fail(Cause::not_found, "the variable '{}' is not set{}{}", name, word.empty() ? "" : ": ", word);
      default: return bad_operator(name);
    }
  }

  static Result<std::string> bad_operator(std::string_view name) {
    return fail(Cause::invalid, "after '${{{}' may stand '}}', ':-default', ':?message' or ':+other'", name);
  }

  Result<std::string> required(std::string_view name) const {
    auto value = look_up(name);
    if (value) return *value;
    return fail(Cause::not_found, "the variable '{}' is not set", name);
  }

  std::optional<std::string> look_up(std::string_view name) const {
    return environment_ ? environment_(name) : std::nullopt;
  }

  const Environment& environment_;
};

// The text that a variable's braces hold for when it is not set, or for when it is.
std::optional<std::string_view> alternative(std::string_view inside) {
  take_name(inside);
  if (inside.starts_with(':')) inside.remove_prefix(1);
  if (!inside.starts_with('-') && !inside.starts_with('+')) return std::nullopt;
  return inside.substr(1);
}

std::string written(std::string_view text, int depth);

// What begins with a dollar sign at the front of `text`, which goes on behind it.
std::string take_written(std::string_view& text, int depth) {
  const bool braced = text.starts_with("${");
  const std::size_t close = braced ? closing_brace(text.substr(2)) : std::string_view::npos;
  const std::size_t length = !braced                           ? (text.starts_with("$$") ? 2 : 1)
                             : close == std::string_view::npos ? text.size()
                                                               : close + 3;
  const std::string_view all = text.substr(0, length);
  text.remove_prefix(length);
  if (!braced) return "$";
  const auto other = close == std::string_view::npos ? std::nullopt : alternative(all.substr(2, close));
  return other && depth < kDeepest ? written(*other, depth + 1) : std::string(all);
}

std::string written(std::string_view text, int depth) {
  std::string result;
  while (!text.empty()) {
    const std::size_t dollar = std::min(text.find('$'), text.size());
    result += text.substr(0, dollar);
    text.remove_prefix(dollar);
    if (!text.empty()) result += take_written(text, depth);
  }
  return result;
}

}  // namespace

std::string as_written(std::string_view text) { return written(text, 0); }

Result<std::string> interpolate(std::string_view text, const Environment& environment) {
  if (text.find('$') == std::string_view::npos) return std::string(text);
  return Interpolation(environment).run(text, 0);
}

}  // namespace bulkhead::manifest
