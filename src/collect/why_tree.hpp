#pragma once

// The spans of one trace as a tree, and what follows from their times. Pure.

#include <cstdint>
#include <string>
#include <vector>

#include "collect/why.hpp"

namespace bulkhead::collect {

class SpanTree {
 public:
  explicit SpanTree(const std::vector<SpanRecord>& spans);

  struct Node {
    const SpanRecord* span;
    std::vector<const Node*> children;  // by start
    unsigned depth = 0;
    std::int64_t end_us() const { return span->start_us + span->duration_us; }
  };
  const Node* root() const { return root_; }  // the longest of those without a parent; nullptr: no spans
  const std::vector<const Node*>& in_order() const { return in_order_; }

  // What of its time no child covers.
  static std::int64_t own_time(const Node& node);

 private:
  void visit(const Node& node, unsigned depth);

  std::vector<Node> nodes_;
  const Node* root_ = nullptr;
  std::vector<const Node*> in_order_;
};

bool failed(const SpanRecord& span);
// Took three times as long as others of its kind, and long enough for somebody to care.
bool is_unusual(const Evidence& evidence, const SpanRecord& root);
std::string caller_of(const SpanRecord& span);

// "2.1 s", "350 ms", "90 µs".
std::string duration_text(std::int64_t us);
// "POST /charges", or a program's name for it.
std::string action_text(const SpanRecord& span);
// "503", "503 (timed_out)", "gRPC 14", "no answer".
std::string outcome_text(const SpanRecord& span);

}  // namespace bulkhead::collect
