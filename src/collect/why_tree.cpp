#include "collect/why_tree.hpp"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

namespace bulkhead::collect {

namespace {

constexpr unsigned kDeepest = 64;
constexpr std::int64_t kTimesUsual = 3;
constexpr std::int64_t kNoticed = 50'000;

}  // namespace

SpanTree::SpanTree(const std::vector<SpanRecord>& spans) : nodes_(spans.size()) {
  std::unordered_map<std::string, std::size_t> positions;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    nodes_[i].span = &spans[i];
    positions.emplace(spans[i].id, i);
  }
  std::vector<std::size_t> parents(spans.size(), spans.size());
  for (std::size_t i = 0; i < spans.size(); ++i) {
    auto parent = positions.find(spans[i].parent);
    if (spans[i].parent.empty() || parent == positions.end() || parent->second == i) continue;
    parents[i] = parent->second;
  }
  // Who has too many above, or a circle, begins a tree of its own: what is walked down is never deep.
  for (std::size_t& parent : parents) {
    std::size_t up = parent;
    for (unsigned steps = 0; up != spans.size() && steps < kDeepest; ++steps) up = parents[up];
    if (up != spans.size()) parent = spans.size();
  }
  std::vector<const Node*> roots;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (parents[i] == spans.size()) {
      roots.push_back(&nodes_[i]);
    } else {
      nodes_[parents[i]].children.push_back(&nodes_[i]);
    }
  }
  auto by_start = [](const Node* node) { return std::pair(node->span->start_us, -node->span->duration_us); };
  for (Node& node : nodes_) std::ranges::sort(node.children, {}, by_start);
  std::ranges::sort(roots, {}, by_start);
  auto longest = std::ranges::max_element(roots, {}, [](const Node* node) { return node->span->duration_us; });
  if (longest != roots.end()) root_ = *longest;
  for (const Node* root : roots) visit(*root, 0);
}

void SpanTree::visit(const Node& node, unsigned depth) {
  const_cast<Node&>(node).depth = depth;
  in_order_.push_back(&node);
  for (const Node* child : node.children) visit(*child, depth + 1);
}

std::int64_t SpanTree::own_time(const Node& node) {
  std::int64_t covered = 0;
  std::int64_t until = node.span->start_us;
  for (const Node* child : node.children) {
    std::int64_t from = std::max(child->span->start_us, until);
    std::int64_t to = std::min(child->end_us(), node.end_us());
    if (to <= from) continue;
    covered += to - from;
    until = to;
  }
  return std::max<std::int64_t>(0, node.span->duration_us - covered);
}

bool is_unusual(const Evidence& evidence, const SpanRecord& root) {
  return evidence.usual_us > 0 && root.duration_us >= std::max(kTimesUsual * evidence.usual_us, kNoticed);
}

bool failed(const SpanRecord& span) {
  if (span.hop == "program") return span.error;
  return !span.cause.empty() || !span.fell_back.empty() || span.status == 0 || span.status >= 400 ||
         span.grpc_status > 0;
}

std::string caller_of(const SpanRecord& span) {
  return !span.caller.empty() ? span.caller : span.hop == "gateway" ? "gateway" : span.service;
}

std::string duration_text(std::int64_t us) {
  if (us >= 10'000'000) return fmt::format("{} s", (us + 500'000) / 1'000'000);
  if (us >= 1'000'000) return fmt::format("{:.1f} s", static_cast<double>(us) / 1e6);
  if (us >= 1'000) return fmt::format("{} ms", (us + 500) / 1'000);
  return fmt::format("{} µs", us);
}

std::string action_text(const SpanRecord& span) {
  if (!span.name.empty()) return span.name;
  if (span.method.empty()) return span.path.empty() ? "a connection" : span.path;
  return span.path.empty() ? span.method : span.method + " " + span.path;
}

std::string outcome_text(const SpanRecord& span) {
  std::string text = span.grpc_status > 0 ? fmt::format("gRPC {}", span.grpc_status)
                     : span.status == 0   ? std::string("no answer")
                                          : fmt::format("{}", span.status);
  if (!span.cause.empty()) text += fmt::format(" ({})", span.cause);
  return text;
}

}  // namespace bulkhead::collect
