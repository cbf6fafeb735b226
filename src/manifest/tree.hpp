#pragma once

// The manifest as YAML: a tree of our own, because yaml-cpp lets the last of repeated keys win and expands aliases
// without bound. Of this folder; `bulkhead config` reads by it too, and scaffold Compose files.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bulkhead::manifest {

struct Mark {
  int line = 0;  // both from 1
  int column = 0;
  std::uint16_t file = 0;  // by its place among those that are read, see Report
};

struct Node;
using NodePtr = std::shared_ptr<const Node>;

struct Entry {
  std::string key;
  Mark mark;  // of the key
  NodePtr value;
};

struct Node {
  enum class Kind { null, scalar, list, map };
  // What becomes of what an earlier file says here: !reset takes it away, !override puts this in its place.
  enum class Edit { merge, reset, replace };
  Kind kind = Kind::null;
  Edit edit = Edit::merge;
  bool has_edits = false;  // it or something in it has another edit than merge
  Mark mark;
  std::string text;            // scalars, as written
  std::vector<NodePtr> items;  // lists
  std::vector<Entry> entries;  // maps, in order, each key once, `<<` merged
  std::size_t weight = 1;      // nodes in it, aliases expanded
};

inline NodePtr shared(Node node) { return std::make_shared<const Node>(std::move(node)); }

// What is wrong with the YAML itself; the first such thing ends the reading, but repeated keys are all found.
struct TreeMistake {
  Mark mark;
  std::string code;
  std::string message;
  std::string help;
};

struct Tree {
  NodePtr root;  // null where the text cannot be read
  std::vector<TreeMistake> mistakes;
};

inline constexpr std::size_t kLargestText = 1U << 20U;
inline constexpr std::size_t kDeepestNesting = 32;
inline constexpr std::size_t kMostNodes = 100'000;
inline constexpr std::size_t kMostKeys = 2000;  // of one map

Tree read_tree(std::string_view text, std::uint16_t file = 0);

}  // namespace bulkhead::manifest
