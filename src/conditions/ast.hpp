#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "conditions/value.hpp"

namespace bulkhead::conditions {

using NodeId = std::uint32_t;  // of one Ast

enum class NodeKind : std::uint8_t {
  constant,
  name,    // `text`
  select,  // field `text` of child 0
  has,     // whether child 0 has field `text`
  call,    // function or operator `text` of the children; && and || have two or more
  list,    // of the children
  map,     // key, value, key, value
  loop,    // `loop` over child 0 with `text` as the name of each element; the body is the last child
};

// Macros that look at each element of a list, or each key of a map.
enum class Loop : std::uint8_t { all, exists, exists_one, filter, map };  // map may have a condition as child 1

struct Node {
  NodeKind kind = NodeKind::constant;
  std::uint32_t offset = 0;  // of what a message points at: an operator, a name, a field
  Value constant;
  std::string text;
  bool member = false;    // of a call: child 0 is written in front of it
  bool absolute = false;  // of a name: with a dot in front, so that no macro's variable is meant
  bool quoted = false;    // of a select or has: the field is in backticks, so that it is no part of a variable's name
  Loop loop = Loop::all;
  std::vector<NodeId> children;
  int depth = 1;
};

// An expression as written, its macros expanded. Nodes stand behind their children.
struct Ast {
  std::vector<Node> nodes;
  std::deque<std::string> texts;  // what the constants' texts are
  NodeId root = 0;
};

}  // namespace bulkhead::conditions
