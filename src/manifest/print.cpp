#include "manifest/print.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "manifest/field_names.hpp"

namespace bulkhead::manifest {

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Words that some reader of YAML takes for something else than text.
bool is_word_with_meaning(std::string_view text) {
  constexpr std::array<std::string_view, 12> kWords{"null", "yes",  "no",   "on", "off",  "y",
                                                    "n",    ".inf", ".nan", "<<", "true", "false"};
  const std::string lower = lower_case(text);
  bool boolean = text == "true" || text == "false";  // these are what they are for everybody
  return !boolean && std::ranges::find(kWords, lower) != kWords.end();
}

// "12" and "0.5", which are numbers for everybody.
bool is_plain_number(std::string_view text) {
  std::string_view whole = text.substr(0, text.find('.'));
  bool digits = !whole.empty() && std::ranges::all_of(whole, is_digit) && (whole.size() == 1 || whole[0] != '0');
  if (whole.size() == text.size()) return digits;
  std::string_view rest = text.substr(whole.size() + 1);
  return digits && !rest.empty() && std::ranges::all_of(rest, is_digit);
}

// What some reader may take for a number, a date or a time of day: 010, 0x1f, 1e3, 1:30, 2026-01-31.
bool is_like_number(std::string_view text) {
  constexpr std::string_view kParts = "0123456789abcdefABCDEFxXoO_.+-:";
  bool begins = is_digit(text[0]) || text[0] == '.' || text[0] == '+';
  return begins && text.find_first_not_of(kParts) == std::string_view::npos;
}

bool is_plain(std::string_view text) {
  constexpr std::string_view kFirst = "_./+$(^";
  constexpr std::string_view kInside = "_./+$(^)-*=@%~{}|<>?!&;, ";
  if (text.empty() || text.ends_with(' ')) return false;
  if (!is_letter(text[0]) && !is_digit(text[0]) && kFirst.find(text[0]) == std::string_view::npos) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool joined = text[i] == ':' && i + 1 < text.size() && text[i + 1] != ' ';
    if (!is_letter(text[i]) && !is_digit(text[i]) && kInside.find(text[i]) == std::string_view::npos && !joined)
      return false;
  }
  return !is_word_with_meaning(text) && (is_plain_number(text) || !is_like_number(text));
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '"' || c == '\\')
      result += fmt::format("\\{}", c);
    else if (c == '\n')
      result += "\\n";
    else if (static_cast<unsigned char>(c) < 0x20 || c == '\x7f')
      result += fmt::format("\\x{:02X}", static_cast<unsigned char>(c));
    else
      result += c;
  }
  return result + "\"";
}

class Printer {
 public:
  explicit Printer(const std::vector<Source>& sources) : sources_(sources) {}

  std::string root(const Node& node) {
    for (const Entry& entry : node.entries) {
      if (is_shown(entry.key)) add_entry(entry, 0, false);
    }
    return std::move(text_);
  }

 private:
  void add_entry(const Entry& entry, std::size_t indent, bool is_service) {
    text_ += std::string(indent, ' ') + yaml_scalar(entry.key) + ":";
    const Node& node = *entry.value;
    bool nested = !node.items.empty() || !node.entries.empty();
    if (!nested) return add_leaf(node, " ", entry.mark);
    if (is_service) text_ += fmt::format("  # {}", origin(entry.mark, sources_));
    text_ += '\n';
    add_nested(node, indent + 2, indent == 0 && entry.key == "services");
  }

  void add_nested(const Node& node, std::size_t indent, bool are_services) {
    for (const Entry& entry : node.entries) add_entry(entry, indent, are_services);
    for (const NodePtr& item : node.items) add_item(*item, indent);
  }

  void add_item(const Node& node, std::size_t indent) {
    bool nested = !node.items.empty() || !node.entries.empty();
    if (!nested) {
      text_ += std::string(indent, ' ') + "-";
      return add_leaf(node, " ", node.mark);
    }
    std::size_t begin = text_.size();
    add_nested(node, indent + 2, false);
    text_[begin + indent] = '-';  // in the first line's indentation
  }

  void add_leaf(const Node& node, std::string_view before, Mark key) {
    Mark mark = node.mark.line != 0 ? node.mark : key;
    switch (node.kind) {
      case Node::Kind::null: break;
      case Node::Kind::scalar: text_ += fmt::format("{}{}", before, yaml_scalar(node.text)); break;
      case Node::Kind::list: text_ += fmt::format("{}[]", before); break;
      case Node::Kind::map: text_ += fmt::format("{}{{}}", before); break;
    }
    text_ += fmt::format("  # {}\n", origin(mark, sources_));
  }

  const std::vector<Source>& sources_;
  std::string text_;
};

}  // namespace

bool is_shown(std::string_view key) { return !key.starts_with("x-"); }

std::string yaml_scalar(std::string_view text) { return is_plain(text) ? std::string(text) : quoted(text); }

std::string origin(Mark mark, const std::vector<Source>& sources) {
  std::string file = sources[mark.file].file;
  for (char& c : file) c = static_cast<unsigned char>(c) < 0x20 || c == '\x7f' ? '?' : c;
  return fmt::format("{}:{}", file, mark.line);
}

std::string print(const Node& merged, const std::vector<Source>& sources) { return Printer(sources).root(merged); }

}  // namespace bulkhead::manifest
