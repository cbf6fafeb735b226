#pragma once

// A document as written, JSON or YAML (1.2, JSON's kinds of values): a tree that knows where everything stands. For
// contracts at start; bodies are read by Json.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "contracts/json.hpp"

namespace bulkhead::contracts {

struct Mark {
  int line = 0;  // both from 1; columns count bytes
  int column = 0;
};

struct Member;

struct Node {
  Kind kind = Kind::null;
  bool truth = false;
  Mark mark;
  std::string text;             // strings; numbers as written, in JSON's grammar
  std::vector<Node> items;      // arrays
  std::vector<Member> members;  // objects, in order, each name once

  const Node* find(std::string_view name) const;
  bool is(Kind wanted) const { return kind == wanted; }
  // The text of the member, where it is there and a string; "" otherwise.
  std::string_view string(std::string_view name) const;
  // Whether the member is there and true.
  bool flag(std::string_view name) const;
};

struct Member {
  std::string name;
  Mark mark;
  Node value;
};

inline constexpr std::size_t kLargestDocument = 16U << 20U;
inline constexpr std::size_t kMostNodes = 500'000;  // aliases expanded

// `name` is the file's, for the faults: "name:line:column: what". What begins with `{` is JSON, all else YAML.
Result<Node> read_document(std::string_view text, std::string_view name);
// For read_document. YAML whose reading depends on its version is refused: `010`, `0x1f`, `.5`, tags, repeated keys.
Result<Node> read_yaml(std::string_view text, std::string_view name);

// As JSON; nothing is lost but positions.
void append_json(std::string& out, const Node& node);

// Kinds as a person calls them: "an object".
std::string_view spoken(Kind kind);

}  // namespace bulkhead::contracts
