#include "manifest/secret_options.hpp"

#include <algorithm>
#include <array>

#include "base/ascii.hpp"
#include "manifest/secret.hpp"
#include "manifest/secret_form.hpp"

namespace bulkhead::manifest {

namespace {

constexpr std::string_view kBlanks = " \t\r\n;|&()";

struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// The words of a line of a shell, quotes and all.
std::vector<Range> words_of(std::string_view text) {
  std::vector<Range> words;
  for (std::size_t at = text.find_first_not_of(kBlanks); at < text.size(); at = text.find_first_not_of(kBlanks, at)) {
    const std::size_t begin = at;
    char quote = '\0';
    for (; at < text.size() && (quote != '\0' || kBlanks.find(text[at]) == std::string_view::npos); ++at) {
      const char c = text[at];
      if (quote == '\0' && (c == '"' || c == '\'')) {
        quote = c;
      } else if (c == quote) {
        quote = '\0';
      }
    }
    words.push_back({begin, at});
  }
  return words;
}

Range without_quotes(std::string_view text, Range range) {
  const std::string_view value = text.substr(range.begin, range.end - range.begin);
  const bool quoted =
      value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front();
  return quoted ? Range{range.begin + 1, range.end - 1} : range;
}

bool is_option_name(std::string_view text) {
  auto is_part = [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.'; };
  return !text.empty() && std::ranges::all_of(text, is_part);
}

class Options {
 public:
  explicit Options(const std::vector<std::string>& texts) : texts_(texts) {}

  std::vector<CommandOption> run() {
    for (item_ = 0; item_ < texts_.size(); ++item_) read_line({0, text().size()}, 0);
    return std::move(found_);
  }

 private:
  const std::string& text() const { return texts_[item_]; }

  std::string_view at(Range range) const {
    return std::string_view(text()).substr(range.begin, range.end - range.begin);
  }

  // What is quoted may be a line itself: sh -c '...'
  void read_line(Range line, int depth) {
    constexpr int kDeepest = 4;
    std::vector<Range> words = words_of(at(line));
    for (Range& word : words) word = {word.begin + line.begin, word.end + line.begin};
    for (std::size_t i = 0; i < words.size(); ++i) {
      read(words, i);
      const Range inside = without_quotes(text(), words[i]);
      const bool is_line =
          inside.begin != words[i].begin && at(inside).find_first_of(kBlanks) != std::string_view::npos;
      if (is_line && depth < kDeepest) read_line(inside, depth + 1);
    }
  }

  void read(const std::vector<Range>& words, std::size_t i) {
    const auto [begin, end] = words[i];
    const std::string_view word = at(words[i]);
    const std::string_view name = word.substr(0, word.find('='));
    if (!is_option_name(name)) return;
    if (name.size() < word.size()) return add(name, item_, {begin + name.size() + 1, end});
    if (!name.starts_with('-')) return;
    if (i + 1 < words.size()) return add_next(name, item_, words[i + 1]);
    const bool is_alone = end - begin == text().size();
    if (is_alone && item_ + 1 < texts_.size()) add_next(name, item_ + 1, {0, texts_[item_ + 1].size()});
  }

  // The word behind an option that has no value of its own, unless that is an option as well.
  void add_next(std::string_view name, std::size_t item, Range value) {
    if (is_switch(name) || std::string_view(texts_[item]).substr(value.begin).starts_with('-')) return;
    add(name, item, value);
  }

  void add(std::string_view name, std::size_t item, Range value) {
    const Range range = without_quotes(texts_[item], value);
    found_.push_back({std::string(name), item, range.begin, range.end});
  }

  // "--no-password": no value belongs to it.
  static bool is_switch(std::string_view name) {
    constexpr auto kBegins = std::to_array<std::string_view>(
        {"no-", "without-", "allow-", "use-", "enable-", "disable-", "require-", "skip-", "ask-", "hide-", "show-"});
    name.remove_prefix(std::min(name.find_first_not_of('-'), name.size()));
    return std::ranges::any_of(kBegins, [&](std::string_view begin) { return name.starts_with(begin); });
  }

  const std::vector<std::string>& texts_;
  std::size_t item_ = 0;
  std::vector<CommandOption> found_;
};

// As a variable would be called: "--db-password" and "-DdbPassword" are of one kind with DB_PASSWORD.
std::string as_variable(std::string_view option) {
  option.remove_prefix(std::min(option.find_first_not_of('-'), option.size()));
  std::string name;
  for (std::size_t i = 0; i < option.size(); ++i) {
    const bool begins_word = i > 0 && option[i] >= 'A' && option[i] <= 'Z' && option[i - 1] >= 'a';
    if (begins_word) name += '_';
    name += option[i] == '-' || option[i] == '.' ? '_' : option[i];
  }
  const std::string small = lower(name);
  const bool password = small == "requirepass" || small == "masterauth" || small == "pass";  // of Redis and its like
  return password ? "PASSWORD" : name;
}

// "./key", "~/key", "key.pem", "@key"; as OpenSSL says it "file:key", "env:KEY", "fd:3", "stdin"; as container builders
// do "id=key,src=./key".
bool is_reference(std::string_view value) {
  constexpr auto kBegins =
      std::to_array<std::string_view>({"./", "../", "~/", "@", "file:", "env:", "fd:", "id=", "type="});
  constexpr auto kEnds = std::to_array<std::string_view>({".pem", ".key", ".txt", ".json", ".yaml", ".jks", ".p12"});
  return value == "stdin" ||
         std::ranges::any_of(kBegins, [&](std::string_view begin) { return value.starts_with(begin); }) ||
         std::ranges::any_of(kEnds, [&](std::string_view end) { return value.ends_with(end); });
}

}  // namespace

std::vector<CommandOption> options_of(const std::vector<std::string>& texts) { return Options(texts).run(); }

bool is_secret_option(std::string_view name, std::string_view value) {
  return !is_placeholder(value) && !is_reference(value) && is_secret_by_name(as_variable(name), value);
}

}  // namespace bulkhead::manifest
