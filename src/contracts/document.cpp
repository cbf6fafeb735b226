#include "contracts/document.hpp"

#include <algorithm>

namespace bulkhead::contracts {

namespace {

// Turns offsets, which ascend, into lines and columns.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}

  Mark at(std::size_t offset) {
    for (; at_ < offset && at_ < text_.size(); ++at_) {
      if (text_[at_] != '\n') continue;
      ++line_;
      start_ = at_ + 1;
    }
    return {line_, static_cast<int>(offset - start_) + 1};
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t start_ = 0;
  int line_ = 1;
};

Node to_node(const Json& json, std::uint32_t at, Lines& lines) {
  const Value& value = json[at];
  Node node{.kind = value.kind, .truth = value.truth, .mark = lines.at(value.begin)};
  if (value.kind == Kind::string) node.text = json.text(at);
  if (value.kind == Kind::number) node.text = json.raw(at);
  if (value.kind == Kind::array) {
    for (auto item = at + 1; item != value.next; item = json[item].next)
      node.items.push_back(to_node(json, item, lines));
  }
  if (value.kind == Kind::object) {
    for (auto name = at + 1; name != value.next; name = json[name + 1].next) {
      const Mark mark = lines.at(json[name].begin);
      node.members.push_back({std::string(json.text(name)), mark, to_node(json, name + 1, lines)});
    }
  }
  return node;
}

Result<Node> read_json(std::string_view text, std::string_view name) {
  Json json;
  const auto mistake = json.read(text);
  if (mistake) {
    const Mark mark = Lines(text).at(mistake->offset);
    return fail(Cause::invalid, "{}:{}:{}: {}", name, mark.line, mark.column, mistake->what);
  }
  if (json.size() > kMostNodes) return fail(Cause::exhausted, "{}: it holds more than {} values", name, kMostNodes);
  Lines lines(text);
  return to_node(json, 0, lines);
}

}  // namespace

const Node* Node::find(std::string_view name) const {
  const auto found = std::ranges::find(members, name, &Member::name);
  return found == members.end() ? nullptr : &found->value;
}

std::string_view Node::string(std::string_view name) const {
  const Node* found = find(name);
  return found && found->is(Kind::string) ? std::string_view(found->text) : std::string_view();
}

bool Node::flag(std::string_view name) const {
  const Node* found = find(name);
  return found && found->is(Kind::boolean) && found->truth;
}

Result<Node> read_document(std::string_view text, std::string_view name) {
  if (text.size() > kLargestDocument)
    return fail(Cause::exhausted, "{}: it is larger than {} bytes", name, kLargestDocument);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool json = first != std::string_view::npos && text[first] == '{';
  return json ? read_json(text, name) : read_yaml(text, name);
}

void append_json(std::string& out, const Node& node) {
  switch (node.kind) {
    case Kind::null: out += "null"; return;
    case Kind::boolean: out += node.truth ? "true" : "false"; return;
    case Kind::number: out += node.text; return;
    case Kind::string: append_quoted(out, node.text); return;
    case Kind::array:
      out.push_back('[');
      for (const Node& item : node.items) {
        if (&item != node.items.data()) out.push_back(',');
        append_json(out, item);
      }
      out.push_back(']');
      return;
    case Kind::object:
      out.push_back('{');
      for (const Member& member : node.members) {
        if (&member != node.members.data()) out.push_back(',');
        append_quoted(out, member.name);
        out.push_back(':');
        append_json(out, member.value);
      }
      out.push_back('}');
      return;
  }
}

std::string_view spoken(Kind kind) {
  switch (kind) {
    case Kind::null: return "null";
    case Kind::boolean: return "a boolean";
    case Kind::number: return "a number";
    case Kind::string: return "a string";
    case Kind::array: return "an array";
    case Kind::object: return "an object";
  }
  return "a value";
}

}  // namespace bulkhead::contracts
