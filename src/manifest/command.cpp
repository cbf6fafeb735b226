#include "manifest/parse.hpp"

namespace bulkhead::manifest {

namespace {

// Splits as a POSIX shell does, without expansions.
class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  Result<std::vector<std::string>> run() {
    while (!text_.empty()) {
      char c = take();
      if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        end_word();
        continue;
      }
      in_word_ = true;
      auto taken = take_part(c);
      if (!taken) return fail(taken.error());
    }
    end_word();
    return std::move(words_);
  }

 private:
  char take() {
    char c = text_.front();
    text_.remove_prefix(1);
    return c;
  }

  Result<> take_part(char c) {
    if (c == '\'') return take_single();
    if (c == '"') return take_double();
    if (c != '\\') {
      word_ += c;
      return {};
    }
    if (text_.empty()) return fail(Cause::invalid, "a backslash at the very end");
    word_ += take();
    return {};
  }

  Result<> take_single() {
    std::size_t end = text_.find('\'');
    if (end == std::string_view::npos) return fail(Cause::invalid, "a single quote that is not closed");
    word_ += text_.substr(0, end);
    text_.remove_prefix(end + 1);
    return {};
  }

  Result<> take_double() {
    while (!text_.empty()) {
      char c = take();
      if (c == '"') return {};
      bool escapes =
          c == '\\' && !text_.empty() && std::string_view("$`\"\\").find(text_.front()) != std::string_view::npos;
      word_ += escapes ? take() : c;
    }
    return fail(Cause::invalid, "a double quote that is not closed");
  }

  void end_word() {
    if (in_word_) words_.push_back(std::move(word_));
    word_.clear();
    in_word_ = false;
  }

  std::string_view text_;
  std::string word_;
  bool in_word_ = false;
  std::vector<std::string> words_;
};

}  // namespace

Result<std::vector<std::string>> split_command(std::string_view text) { return Splitter(text).run(); }

}  // namespace bulkhead::manifest
