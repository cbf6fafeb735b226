#include "policy/graph.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "policy/walk.hpp"

namespace bulkhead::policy {

using nlohmann::json;

namespace {

std::string what(const Edge& edge) {
  if (edge.permissions.empty()) return "everything";
  std::vector<std::string_view> texts;
  for (const Permission& permission : edge.permissions) texts.push_back(permission.text);
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string label_of(const Edge& edge) {
  const std::vector<std::string> exceptions = exceptions_on(edge);
  return exceptions.empty() ? what(edge) : fmt::format("{}, but not {}", what(edge), fmt::join(exceptions, ", "));
}

std::string_view mark_of(const Edge& edge) {
  if (edge.audited) return "  (audited, not enforced)";
  if (edge.learned == Edge::Learned::lines) return "  (learning, not enforced)";
  return edge.is_declared() ? "" : "  (learned, not declared)";
}

// Dotted: nothing passes. Dashed: nobody declares it.
std::string_view style_of(const Model& model, const Edge& edge) {
  if (allowed_on(model, edge).empty()) return ", style=dotted";
  return edge.is_declared() ? "" : ", style=dashed, color=red";
}

std::string node_id(const Edge& edge) { return edge.outside ? edge.from + "/" + edge.to : edge.to; }

// DOT's double-quoted strings: only the quote and the backslash are special.
std::string dot_text(std::string_view text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

void write_caller(std::string& text, const Model& model, std::string_view caller, std::string_view title) {
  fmt::format_to(std::back_inserter(text), "{}\n", title);
  for (const Edge& edge : model.edges) {
    if (edge.from != caller) continue;
    fmt::format_to(std::back_inserter(text), "  -> {}  {}  {}", spoken_target(edge), to_string(edge.protocol),
                   what(edge));
    if (edge.at) fmt::format_to(std::back_inserter(text), "  at {}:{}", edge.at->host, edge.at->port.number);
    if (!edge.as.empty()) fmt::format_to(std::back_inserter(text), "  as {}", fmt::join(edge.as, ", "));
    if (edge.when) fmt::format_to(std::back_inserter(text), "  when {}", edge.when->source);
    text += mark_of(edge);
    text += '\n';
    for (const std::string& each : exceptions_on(edge))
      fmt::format_to(std::back_inserter(text), "       but not {}\n", each);
  }
}

std::string title_of(const Node& node) {
  std::string title = node.name;
  for (const Endpoint& port : node.ports) title += fmt::format("  {}:{}", to_string(port.protocol), port.port.number);
  if (node.job) title += "  job";
  if (!node.owner.empty()) title += fmt::format("  owner {}", node.owner);
  return title;
}

}  // namespace

std::string graph_text(const Model& model) {
  std::string text;
  if (model.has_gateway()) write_caller(text, model, kGateway, "the gateway");
  for (const Node& node : model.services) write_caller(text, model, node.name, title_of(node));
  return text;
}

std::string graph_dot(const Model& model) {
  std::string text = fmt::format("digraph {} {{\n  rankdir=LR;\n  node [shape=box];\n", dot_text(model.app));
  auto out = std::back_inserter(text);
  if (model.has_gateway()) fmt::format_to(out, "  {} [label=\"gateway\", shape=house];\n", dot_text(kGateway));
  for (const Node& node : model.services) {
    fmt::format_to(out, "  {}{};\n", dot_text(node.name), node.job ? " [style=dashed]" : "");
  }
  for (const Edge& edge : model.edges) {
    if (edge.outside)
      fmt::format_to(out, "  {} [label={}, shape=ellipse];\n", dot_text(node_id(edge)), dot_text(spoken_target(edge)));
    fmt::format_to(out, "  {} -> {} [label={}{}];\n", dot_text(edge.from), dot_text(node_id(edge)),
                   dot_text(label_of(edge)), style_of(model, edge));
  }
  return text + "}\n";
}

json graph_json(const Model& model) {
  json nodes = json::array();
  for (const Node& node : model.services) {
    json ports = json::array();
    for (const Endpoint& port : node.ports) {
      ports.push_back({{"name", port.name}, {"number", port.port.number}, {"protocol", to_string(port.protocol)}});
    }
    nodes.push_back({{"name", node.name},
                     {"type", node.job ? "job" : "service"},
                     {"owner", node.owner},
                     {"ports", std::move(ports)},
                     {"secrets", node.secrets},
                     {"position", manifest::to_string(node.position)}});
  }
  return {{"app", model.app},
          {"trust_domain", model.trust_domain},
          {"gateway", model.has_gateway()},
          {"nodes", std::move(nodes)},
          {"edges", to_json(model.edges)}};
}

}  // namespace bulkhead::policy
