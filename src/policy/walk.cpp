#include "policy/walk.hpp"

#include <deque>

#include "policy/deny.hpp"

namespace bulkhead::policy {

namespace {

Attempt sample(const Edge& edge, std::string_view method, std::string_view path) {
  return {edge.from, edge.to, edge.port, edge.protocol, method, path};
}

std::string sample_path(const PathPattern& pattern) {
  std::string path;
  for (char c : pattern.text()) path += c == '*' ? '~' : c;
  return path;
}

// The edges of its caller that stand beside `edge`: compile() puts them together, and no other can allow what it does.
std::span<const Edge> callers_edges(const Model& model, const Edge& edge) {
  const Edge* begin = &edge;
  const Edge* end = &edge + 1;
  while (begin != model.edges.data() && begin[-1].from == edge.from) --begin;
  while (end != model.edges.data() + model.edges.size() && end->from == edge.from) ++end;
  return {begin, end};
}

std::string learned_text(const Edge& edge) {
  if (!edge.is_declared()) return " (nobody declares it; the mode of both is learn)";
  return edge.learned == Edge::Learned::lines ? " (would be refused; its mode is learn)" : "";
}

// What depends on a condition counts as allowed, and says so.
std::string allowed_text(const std::string& what, const Decision& decision) {
  if (decision.audited) return what + " (would be refused; its mode is audit)";
  if (decision.learned) return what + learned_text(*decision.edge);
  if (decision.allowed()) return what;
  if (decision.verdict != Verdict::unknown) return "";
  if (decision.deny) return what + learned_text(*decision.edge);  // the edge's exceptions say what is not
  return decision.by_condition ? fmt::format("{} when {}", what, decision.edge->when->source) : "";
}

}  // namespace

std::vector<std::string> allowed_on(const Model& model, const Edge& edge) {
  std::span<const Edge> edges = callers_edges(model, edge);
  Attempt anything{edge.from, edge.to, edge.port, edge.protocol, {}, {}};
  if (const std::string text = allowed_text("everything", decide(edges, anything)); !text.empty()) return {text};
  std::vector<std::string> allowed;
  if (edge.permissions.empty()) return allowed;
  for (const Sample& each : samples_of(edge)) {
    for (const std::string& method : each.methods) {
      std::string text = allowed_text(each.what, decide(edges, sample(edge, method, each.path)));
      if (text.empty()) continue;
      allowed.push_back(std::move(text));
      break;
    }
  }
  return allowed;
}

std::vector<Sample> samples_of(const Edge& edge) {
  const std::vector<std::string> any{"GET", "ANY-OTHER"};
  std::vector<Sample> samples;
  if (edge.permissions.empty()) samples.push_back({"everything", any, "/~"});
  for (const Permission& each : edge.permissions)
    samples.push_back({each.text, each.methods.empty() ? any : each.methods, sample_path(each.path)});
  return samples;
}

std::vector<std::string> exceptions_on(const Edge& edge) {
  std::vector<std::string> exceptions;
  for (const Deny& deny : edge.denies) exceptions.push_back(spoken(deny));
  return exceptions;
}

std::string spoken_party(std::string_view name) { return name == kGateway ? "the gateway" : std::string(name); }

std::string spoken_target(const Edge& edge) {
  if (!edge.outside) return fmt::format("{}:{}", edge.to, edge.port.number);
  bool bracketed = edge.outside->is_address && edge.outside->host.find(':') != std::string::npos;
  return fmt::format("{} ({}://{}{}{}:{})", edge.to, to_string(edge.outside->scheme), bracketed ? "[" : "",
                     edge.outside->host, bracketed ? "]" : "", edge.port.number);
}

Walk::Walk(const Model& model, std::string_view from) : model_(model), from_(from) {
  hops_[std::string(from)] = {};
  std::deque<std::string> open{std::string(from)};
  while (!open.empty()) {
    std::string caller = std::move(open.front());
    open.pop_front();
    for (const Edge& edge : model.edges) {
      if (edge.from != caller || allowed_on(model, edge).empty()) continue;
      edges_.push_back(&edge);
      if (edge.kind == Edge::Kind::egress || hops_.contains(edge.to)) continue;
      hops_[edge.to] = over(edge);
      open.push_back(edge.to);
    }
  }
}

std::vector<Hop> Walk::over(const Edge& edge) const {
  std::vector<Hop> hops = way(edge.from);
  hops.push_back(hop(edge));
  return hops;
}

Hop Walk::hop(const Edge& edge) const {
  Hop hop{.edge = &edge, .what = allowed_on(model_, edge), .except = exceptions_on(edge)};
  if (edge.from == kGateway) {
    hop.assumption = "whoever reaches the gateway can send what its routes let through";
  } else if (edge.from == from_ && !edge.is_declared()) {
    hop.assumption = fmt::format("if {} is compromised, it can call whatever learns as it does", edge.from);
  } else if (edge.from == from_) {
    hop.assumption = fmt::format("if {} is compromised, it can make its declared calls", edge.from);
  } else {
    hop.assumption = fmt::format("{} must be made to act for the attacker, or be compromised as well", edge.from);
  }
  return hop;
}

}  // namespace bulkhead::policy
