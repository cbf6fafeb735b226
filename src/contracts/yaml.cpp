// YAML by yaml-cpp's events, which know the position of everything; its own tree lets the last of repeated keys win.

#include <algorithm>
#include <map>
#include <sstream>
#include <unordered_set>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "base/ascii.hpp"
#include "base/utf8.hpp"
#include "contracts/document.hpp"

namespace bulkhead::contracts {

namespace {

// Ends the reading from inside yaml-cpp's callbacks; caught in read_yaml.
struct Stop {
  Mark mark;
  std::string what;
};

Mark to_mark(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

// Whether some version of YAML reads plain text as a number.
bool looks_like_number(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (text == ".inf" || text == ".Inf" || text == ".INF" || text == ".nan" || text == ".NaN" || text == ".NAN")
    return true;
  for (const std::string_view base : {"0x", "0o", "0b"}) {
    if (text.starts_with(base)) return text.find_first_not_of("0123456789abcdefABCDEF_", 2) == std::string_view::npos;
  }
  const auto skip = [&] {
    const std::size_t end = std::min(text.find_first_not_of("0123456789_"), text.size());
    const bool any = std::ranges::any_of(text.substr(0, end), is_digit);
    text.remove_prefix(end);
    return any;
  };
  bool digits = skip();
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    digits = skip() || digits;
  }
  if (!digits) return false;
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    return skip() && text.empty();
  }
  return text.empty();
}

class Builder : public YAML::EventHandler {
 public:
  Node take() { return std::move(root_); }
  bool is_whole() const { return has_root_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add({.mark = to_mark(mark)}, anchor); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Stop{to_mark(mark), "an alias refers to what it is itself a part of"};
    count_ += found->second.second;
    refuse_many(to_mark(mark));
    attach(Node(found->second.first), to_mark(mark));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    const bool plain = tag == "?" || tag.empty();
    if (!plain && tag != "!") throw Stop{to_mark(mark), "tags have no meaning here: remove it"};
    add(plain && !wants_key() ? interpret(text, to_mark(mark))
                              : Node{.kind = Kind::string, .mark = to_mark(mark), .text = text},
        anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Kind::array, to_mark(mark), tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Kind::object, to_mark(mark), tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    std::size_t first = 0;  // nodes before it
    bool has_key = false;
    std::string key;
    Mark key_mark;
    std::unordered_set<std::string> keys;
  };

  bool wants_key() const { return !open_.empty() && open_.back().node.is(Kind::object) && !open_.back().has_key; }

  static Node interpret(const std::string& text, Mark mark) {
    Node node{.mark = mark};
    if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return node;
    const bool yes = text == "true" || text == "True" || text == "TRUE";
    if (yes || text == "false" || text == "False" || text == "FALSE") {
      node.kind = Kind::boolean;
      node.truth = yes;
      return node;
    }
    node.text = text;
    node.kind = is_number(text) ? Kind::number : Kind::string;
    if (node.is(Kind::string) && looks_like_number(text)) {
      throw Stop{
          mark,
          fmt::format("'{}' is read as different numbers by different programs: quote it, or write it as JSON does",
                      text)};
    }
    return node;
  }

  void open(Kind kind, Mark mark, const std::string& tag, YAML::anchor_t anchor) {
    if (!tag.empty() && tag != "?" && tag != "!") throw Stop{mark, "tags have no meaning here: remove it"};
    if (open_.size() >= kDeepestJson) throw Stop{mark, "nested too deeply"};
    if (wants_key()) throw Stop{mark, "a key must be a plain word"};
    Open opened{.node = {.kind = kind, .mark = mark}, .anchor = anchor, .first = count_};
    open_.push_back(std::move(opened));
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    add(std::move(done.node), done.anchor, done.first);
  }

  void add(Node node, YAML::anchor_t anchor) { add(std::move(node), anchor, count_); }

  void add(Node node, YAML::anchor_t anchor, std::size_t first) {
    ++count_;
    refuse_many(node.mark);
    if (anchor != 0) {
      held_ += count_ - first;
      refuse_many(node.mark);
      anchors_[anchor] = {node, count_ - first};
    }
    const Mark mark = node.mark;
    attach(std::move(node), mark);
  }

  void refuse_many(Mark mark) const {
    if (count_ + held_ > kMostNodes) throw Stop{mark, fmt::format("more than {} values, aliases expanded", kMostNodes)};
  }

  void attach(Node node, Mark mark) {
    if (open_.empty()) {
      root_ = std::move(node);
      has_root_ = true;
      return;
    }
    Open& parent = open_.back();
    if (parent.node.is(Kind::array)) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.has_key) {
      take_key(parent, std::move(node), mark);
    } else {
      parent.has_key = false;
      parent.node.members.push_back({std::move(parent.key), parent.key_mark, std::move(node)});
    }
  }

  static void take_key(Open& parent, Node node, Mark mark) {
    if (!node.is(Kind::string)) throw Stop{mark, "a key must be a plain word"};
    if (node.text == "<<") throw Stop{mark, "merge keys are no part of YAML 1.2: write the members out"};
    if (!parent.keys.insert(node.text).second) throw Stop{mark, fmt::format("'{}' stands here twice", node.text)};
    parent.key = std::move(node.text);
    parent.key_mark = mark;
    parent.has_key = true;
  }

  std::vector<Open> open_;
  std::map<YAML::anchor_t, std::pair<Node, std::size_t>> anchors_;
  Node root_;
  bool has_root_ = false;
  std::size_t count_ = 0;
  std::size_t held_ = 0;  // nodes of copies for aliases
};

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0 || text.front() == '\0') return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

Result<Node> read_yaml(std::string_view text, std::string_view name) {
  if (!is_utf8(text)) return fail(Cause::invalid, "{}: it is not UTF-8 text", name);
  const auto wrong = [&](Mark mark, std::string_view what) {
    return fail(Cause::invalid, "{}:{}:{}: {}", name, mark.line, mark.column, what);
  };
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder;
    if (!parser.HandleNextDocument(builder) || !builder.is_whole())
      return fail(Cause::invalid, "{}: it is empty", name);
    Builder second;
    if (parser.HandleNextDocument(second)) return fail(Cause::invalid, "{}: it holds more than one document", name);
    return builder.take();
  } catch (const Stop& stop) {
    return wrong(stop.mark, stop.what);
  } catch (const YAML::Exception& exception) {
    return wrong(to_mark(exception.mark), exception.msg);
  }
}

}  // namespace bulkhead::contracts
