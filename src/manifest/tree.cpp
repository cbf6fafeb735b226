#include "manifest/tree.hpp"

#include <algorithm>
#include <map>
#include <sstream>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "base/utf8.hpp"

namespace bulkhead::manifest {

namespace {

// Turns yaml-cpp's marks, whose columns count bytes from 0, into ours, whose columns count characters from 1.
class Columns {
 public:
  Columns(std::string_view text, std::uint16_t file) : text_(text), file_(file) {
    starts_.push_back(text.starts_with("\xef\xbb\xbf") ? 3 : 0);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') starts_.push_back(i + 1);
    }
  }

  // The text from a mark on.
  std::string_view from(const YAML::Mark& mark) const {
    if (mark.line < 0 || static_cast<std::size_t>(mark.line) >= starts_.size()) return "";
    std::size_t at = starts_[static_cast<std::size_t>(mark.line)] + static_cast<std::size_t>(mark.column);
    return text_.substr(std::min(at, text_.size()));
  }

  Mark mark(const YAML::Mark& mark) const {
    if (mark.line < 0 || static_cast<std::size_t>(mark.line) >= starts_.size()) return {0, 0, file_};
    auto bytes = static_cast<std::size_t>(mark.column);
    std::string_view line = text_.substr(starts_[static_cast<std::size_t>(mark.line)]);
    if (last_.line != mark.line || bytes < last_.bytes) last_ = {mark.line, 0, 0};
    last_.characters += characters(line.substr(std::min(last_.bytes, line.size()), bytes - last_.bytes));
    last_.bytes = bytes;
    return {mark.line + 1, static_cast<int>(last_.characters) + 1, file_};
  }

 private:
  // Marks mostly ascend: counting goes on where it ended, or a long line would cost its square.
  struct Last {
    int line = -1;
    std::size_t bytes = 0;
    std::size_t characters = 0;
  };

  std::string_view text_;
  std::uint16_t file_;
  std::vector<std::size_t> starts_;
  mutable Last last_;
};

// Ends the reading from inside yaml-cpp's callbacks; caught in read_tree.
struct Stop {
  TreeMistake mistake;
};

// `text` without the tag and the anchor that may stand at its front.
std::string_view without_properties(std::string_view text) {
  while (text.starts_with('!') || text.starts_with('&')) {
    text.remove_prefix(std::min(text.find_first_of(" \t\r\n,]}"), text.size()));
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  }
  return text;
}

// Whether the quoted scalar at the front of `text` (an anchor may precede it) ends; yaml-cpp takes the end of the file
// for it.
bool is_closed(std::string_view text) {
  std::size_t begin = text.find_first_of("\"'");
  if (begin == std::string_view::npos) return true;
  char quote = text[begin];
  for (std::size_t i = begin + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\')
      ++i;
    else if (text[i] == quote)
      return true;
  }
  return false;
}

bool is_null_word(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

class Builder : public YAML::EventHandler {
 public:
  Builder(Tree& tree, const Columns& columns) : tree_(tree), columns_(columns) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(make(Node::Kind::null, mark), anchor); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto found = anchors_.find(anchor);
    if (found == anchors_.end()) stop(mark, "yaml", "an alias refers to what it is itself a part of");
    attach(found->second, columns_.mark(mark));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node::Edit edit = edit_of(mark, tag);
    bool plain = tag == "?";
    bool quoted = tag == "!";
    if (edit != Node::Edit::merge) {  // the tag stands where yaml-cpp says otherwise whether quotes do
      std::string_view content = without_properties(columns_.from(mark));
      quoted = !value.empty() && (content.starts_with('"') || content.starts_with('\''));
      quoted = quoted || content.starts_with("\"\"") || content.starts_with("''");
      plain = !quoted;
    }
    if (quoted && !is_closed(columns_.from(mark))) stop(mark, "yaml", "a quote is not closed");
    auto node = make(plain && is_null_word(value) ? Node::Kind::null : Node::Kind::scalar, mark, edit);
    node->text = value;
    add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    std::shared_ptr<Node> node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    Entry entry;
    std::vector<Entry> merged;  // from `<<`, weaker than the map's own
  };

  [[noreturn]] static void stop(Mark mark, std::string code, std::string message, std::string help = "") {
    throw Stop{{mark, std::move(code), std::move(message), std::move(help)}};
  }
  [[noreturn]] void stop(const YAML::Mark& mark, std::string code, std::string message, std::string help = "") const {
    throw Stop{{columns_.mark(mark), std::move(code), std::move(message), std::move(help)}};
  }

  std::shared_ptr<Node> make(Node::Kind kind, const YAML::Mark& mark, Node::Edit edit = Node::Edit::merge) const {
    auto node = std::make_shared<Node>();
    node->kind = kind;
    node->mark = columns_.mark(mark);
    node->edit = edit;
    node->has_edits = edit != Node::Edit::merge;
    return node;
  }

  // What a tag says; every other one than Compose's two for merging is refused.
  Node::Edit edit_of(const YAML::Mark& mark, const std::string& tag) const {
    if (tag.empty() || tag == "?" || tag == "!") return Node::Edit::merge;
    if (tag == "!reset") return Node::Edit::reset;
    if (tag == "!override") return Node::Edit::replace;
    stop(mark, "yaml-tag", fmt::format("YAML tags such as '{}' have no meaning here", tag), "remove the tag");
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    Node::Edit edit = edit_of(mark, tag);
    if (open_.size() >= kDeepestNesting) {
      stop(mark, "too-deep", fmt::format("nested more than {} levels deep", kDeepestNesting));
    }
    if (!open_.empty()) refuse_key(open_.back(), mark);
    open_.push_back({make(kind, mark, edit), anchor, false, {}, {}});
  }

  // A map or list in the place of a key.
  void refuse_key(const Open& parent, const YAML::Mark& mark) const {
    if (parent.node->kind == Node::Kind::map && !parent.has_key) stop(mark, "yaml-key", "a key must be a plain word");
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    auto& entries = done.node->entries;
    for (Entry& entry : done.merged) {
      if (std::ranges::find(entries, entry.key, &Entry::key) == entries.end()) entries.push_back(std::move(entry));
    }
    add(std::move(done.node), done.anchor);
  }

  void add(std::shared_ptr<Node> node, YAML::anchor_t anchor) {
    NodePtr shared = std::move(node);
    if (anchor != 0) anchors_[anchor] = shared;
    Mark mark = shared->mark;
    attach(std::move(shared), mark);
  }

  void attach(NodePtr node, Mark mark) {
    if (open_.empty()) {
      tree_.root = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node->kind == Node::Kind::map && !parent.has_key) return take_key(parent, *node, mark);
    parent.node->weight += node->weight;
    parent.node->has_edits = parent.node->has_edits || node->has_edits;
    if (parent.node->weight > kMostNodes) {
      stop(mark, "too-large", fmt::format("more than {} values, aliases expanded", kMostNodes));
    }
    if (parent.node->kind == Node::Kind::list) {
      parent.node->items.push_back(std::move(node));
      return;
    }
    parent.has_key = false;
    if (parent.entry.key == "<<") return merge(parent, *node, mark);
    if (node->kind == Node::Kind::null) {  // yaml-cpp puts the mark of nothing wherever the next thing begins
      auto nothing = std::make_shared<Node>(*node);
      nothing->mark = parent.entry.mark;
      node = std::move(nothing);
    }
    parent.entry.value = std::move(node);
    add_entry(parent);
  }

  static void take_key(Open& parent, const Node& key, Mark mark) {
    if (key.kind != Node::Kind::scalar || key.edit != Node::Edit::merge)
      stop(mark, "yaml-key", "a key must be a plain word");
    parent.entry = {key.text, mark, nullptr};
    parent.has_key = true;
  }

  void add_entry(Open& parent) {
    auto& entries = parent.node->entries;
    if (entries.size() >= kMostKeys) {
      throw Stop{{parent.entry.mark, "too-large", fmt::format("a map of more than {} keys", kMostKeys), ""}};
    }
    auto same = std::ranges::find(entries, parent.entry.key, &Entry::key);
    if (same == entries.end()) {
      entries.push_back(std::move(parent.entry));
      return;
    }
    tree_.mistakes.push_back(
        {parent.entry.mark, "repeated-key",
         fmt::format("'{}' stands here twice; the first is at line {}", parent.entry.key, same->mark.line),
         "keep one of them"});
  }

  void merge(Open& parent, const Node& node, Mark mark) {
    if (node.kind == Node::Kind::list) {
      for (const NodePtr& item : node.items) merge(parent, *item, mark);
      return;
    }
    if (node.kind != Node::Kind::map) stop(mark, "yaml-merge", "'<<' merges a map, and this is none");
    for (const Entry& entry : node.entries) {
      if (parent.merged.size() >= kMostKeys)
        stop(mark, "too-large", fmt::format("a map of more than {} keys", kMostKeys));
      if (std::ranges::find(parent.merged, entry.key, &Entry::key) == parent.merged.end())
        parent.merged.push_back(entry);
    }
  }

  Tree& tree_;
  const Columns& columns_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, NodePtr> anchors_;
};

std::string in_our_words(const std::string& message) {
  static const std::map<std::string, std::string, std::less<>> words{
      {"end of map not found", "the indentation does not fit the lines above"},
      {"end of sequence not found", "the list's indentation does not fit the lines above"},
      {"end of map flow not found", "a '}' is missing"},
      {"end of sequence flow not found", "a ']' is missing"},
      {"illegal map value", "a ':' stands where no key precedes it; a value that holds ': ' needs quotes"},
      {"illegal EOF in scalar", "a quote is not closed"},
      {"illegal document indicator in scalar", "a quote is not closed"},
  };
  auto found = words.find(message);
  return found == words.end() ? message : found->second;
}

void refuse(Tree& tree, Mark mark, std::string code, std::string message) {
  tree.root = nullptr;
  tree.mistakes.push_back({mark, std::move(code), std::move(message), ""});
}

bool refuse_bytes(Tree& tree, std::string_view text, std::uint16_t file) {
  if (text.size() > kLargestText) {
    refuse(tree, {0, 0, file}, "too-large", fmt::format("larger than {} KiB", kLargestText / 1024));
    return true;
  }
  std::size_t bad = first_bad_byte(text);
  if (bad == std::string_view::npos) return false;
  std::string_view before = text.substr(0, bad);
  std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  Mark mark{static_cast<int>(std::ranges::count(before, '\n')) + 1,
            static_cast<int>(characters(before.substr(line_start))) + 1, file};
  refuse(tree, mark, "bad-bytes", "not text: bytes that are not UTF-8, or a control character");
  return true;
}

// Tabs indent nothing in YAML, and yaml-cpp's own message for one is a riddle.
bool refuse_tabs(Tree& tree, std::string_view text, std::uint16_t file) {
  int line = 1;
  for (std::size_t start = 0; start < text.size(); ++line) {
    std::size_t end = std::min(text.find('\n', start), text.size());
    std::string_view content = text.substr(start, end - start);
    std::size_t tab = content.find_first_not_of(' ');
    if (tab != std::string_view::npos && content[tab] == '\t' &&
        content.find_first_not_of(" \t\r") != std::string_view::npos) {
      refuse(tree, {line, static_cast<int>(tab) + 1, file}, "tab",
             "a tab in the indentation: YAML is indented by spaces");
      return true;
    }
    start = end + 1;
  }
  return false;
}

}  // namespace

Tree read_tree(std::string_view text, std::uint16_t file) {
  Tree tree;
  if (refuse_bytes(tree, text, file)) return tree;
  Columns columns(text, file);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder(tree, columns);
    if (!parser.HandleNextDocument(builder)) return tree;
    Tree second;
    Builder more(second, columns);
    if (parser.HandleNextDocument(more))
      refuse(tree, second.root ? second.root->mark : Mark{0, 0, file}, "two-documents",
             "a manifest is one YAML document, without '---' inside");
  } catch (const Stop& stopped) {
    tree.root = nullptr;
    tree.mistakes.push_back(stopped.mistake);
  } catch (const YAML::Exception& error) {
    if (!refuse_tabs(tree, text, file)) refuse(tree, columns.mark(error.mark), "yaml", in_our_words(error.msg));
  }
  return tree;
}

}  // namespace bulkhead::manifest
