#include "manifest/env_file.hpp"

#include <algorithm>
#include <optional>

#include "base/utf8.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::size_t kLargestFile = 1U << 20U;
constexpr std::string_view kBlank = " \t\r";

std::string_view trimmed(std::string_view text) {
  std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// Only a comment may follow a closing quote.
bool only_comment(std::string_view rest) {
  rest = trimmed(rest);
  return rest.empty() || rest.starts_with('#');
}

std::optional<std::string> single_quoted(std::string_view text) {
  std::size_t end = text.find('\'', 1);
  if (end == std::string_view::npos || !only_comment(text.substr(end + 1))) return std::nullopt;
  return std::string(text.substr(1, end - 1));
}

char unescaped(char c) { return c == 'n' ? '\n' : c == 't' ? '\t' : c; }

std::optional<std::string> double_quoted(std::string_view text) {
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return only_comment(text.substr(i + 1)) ? std::optional(value) : std::nullopt;
    bool escape = text[i] == '\\' && i + 1 < text.size();
    value += escape ? unescaped(text[++i]) : text[i];
  }
  return std::nullopt;
}

std::optional<std::string> value_of(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('\'')) return single_quoted(text);
  if (text.starts_with('"')) return double_quoted(text);
  if (text.starts_with('#')) return "";
  return std::string(trimmed(text.substr(0, text.find(" #"))));
}

class EnvFileReader {
 public:
  explicit EnvFileReader(const std::string& file) : file_(file) {}

  EnvFile run(std::string_view text) {
    if (text.size() > kLargestFile || first_bad_byte(text) != std::string_view::npos) {
      refuse("it is no text, or larger than 1 MiB");
      return std::move(result_);
    }
    while (!text.empty()) {
      ++line_;
      std::size_t end = std::min(text.find('\n'), text.size());
      take(trimmed(text.substr(0, end)));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return std::move(result_);
  }

 private:
  void take(std::string_view line) {
    if (line.empty() || line.starts_with('#')) return;
    if (line.starts_with("export ")) line = trimmed(line.substr(7));
    std::size_t equals = line.find('=');
    std::string_view name = trimmed(line.substr(0, equals));
    if (equals == std::string_view::npos || !is_variable_name(name)) return refuse("this line is not NAME=value");
    if (name.starts_with("BULKHEAD_")) return refuse("names that begin with BULKHEAD_ are the platform's");
    auto value = value_of(line.substr(equals + 1));
    if (!value) return refuse(fmt::format("the value of '{}' has a quote that is not closed, or text after it", name));
    result_.variables.push_back({std::string(name), std::move(*value), {file_, line_, 1}});
  }

  void refuse(std::string message) {
    Mistake mistake{.position = {file_, line_, line_ == 0 ? 0 : 1}, .code = "env-file", .message = std::move(message)};
    mistake.allowed = "NAME=value, a comment after '#', or nothing";
    result_.mistakes.push_back(std::move(mistake));
  }

  const std::string& file_;
  int line_ = 0;
  EnvFile result_;
};

}  // namespace

bool is_variable_name(std::string_view name) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && name.size() <= 255 && (name[0] < '0' || name[0] > '9') && std::ranges::all_of(name, allowed);
}

EnvFile parse_env_file(std::string_view text, const std::string& file) { return EnvFileReader(file).run(text); }

}  // namespace bulkhead::manifest
