#include "policy/decide.hpp"

#include <algorithm>

namespace bulkhead::policy {

namespace {

std::string_view spoken(std::string_view caller) {
  return caller == kGateway ? std::string_view("the gateway") : caller;
}

bool is_edge_of(const Edge& edge, const Attempt& attempt) {
  return edge.from == attempt.caller && edge.to == attempt.callee && edge.port == attempt.port &&
         edge.protocol == attempt.protocol;
}

bool is_known(const Attempt& attempt) {
  return !attempt.path.empty() && (attempt.protocol != Protocol::http || !attempt.method.empty());
}

// For a path that is known to be plain.
bool covers(const Permission& permission, const Attempt& attempt) {
  const auto& methods = permission.methods;
  bool method_covered = methods.empty() || std::ranges::find(methods, attempt.method) != methods.end();
  return method_covered && permission.path.matches_plain(attempt.path);
}

// A closer miss is a better explanation: the right port before the right callee.
const Edge* nearest_edge(std::span<const Edge> edges, const Attempt& attempt) {
  const Edge* nearest = nullptr;
  for (const Edge& edge : edges) {
    if (edge.from != attempt.caller || edge.to != attempt.callee) continue;
    if (is_edge_of(edge, attempt)) return &edge;
    if (!nearest || (edge.port == attempt.port && nearest->port != attempt.port)) nearest = &edge;
  }
  return nearest;
}

std::string what_was_tried(const Attempt& attempt) {
  std::string request;
  if (attempt.protocol == Protocol::grpc && !attempt.path.empty()) {
    request = fmt::format(" {}", attempt.path.substr(attempt.path.starts_with('/') ? 1 : 0));
  } else if (attempt.protocol == Protocol::http && is_known(attempt)) {
    request = fmt::format(" {} {}", attempt.method, attempt.path);
  }
  return fmt::format("{} may not call {}:{}{}", spoken(attempt.caller), attempt.callee, attempt.port.number, request);
}

std::string permission_line(const Attempt& attempt) {
  if (!is_known(attempt) || !manifest::is_plain_path(attempt.path)) return "";
  std::string text = attempt.protocol == Protocol::grpc ? std::string(attempt.path.substr(1))
                                                        : fmt::format("{} {}", attempt.method, attempt.path);
  return manifest::parse_permission(text, attempt.protocol) ? text : "";
}

std::string at(const Position& position) { return manifest::to_string(position); }

std::string explain(std::span<const Edge> edges, const Attempt& attempt, const Edge* nearest) {
  std::string reason = what_was_tried(attempt) + ": ";
  bool http_like = attempt.protocol != Protocol::tcp;
  if (http_like && !attempt.path.empty() && !manifest::is_plain_path(attempt.path)) {
    return reason + "the path is ambiguous, which no rule covers";
  }
  if (!nearest) {
    reason += "no rule of the manifest declares this call";
  } else if (nearest->port != attempt.port) {
    reason += fmt::format("{} at {} is for port {}", nearest->id, at(nearest->position), nearest->port.number);
  } else if (nearest->protocol != attempt.protocol) {
    reason += fmt::format("{} at {} is for {}, not {}", nearest->id, at(nearest->position),
                          to_string(nearest->protocol), to_string(attempt.protocol));
  } else {
    reason += fmt::format("{} at {} does not include it", nearest->id, at(nearest->position));
  }
  std::string rule = missing_rule(edges, attempt);
  if (!rule.empty()) reason += fmt::format("; to allow it, write under {}: {}", spoken(attempt.caller), rule);
  return reason;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::allowed: return "allowed";
    case Verdict::denied: return "denied";
    case Verdict::unknown: return "unknown";
  }
  return "denied";
}

std::string_view Decision::rule() const { return permission ? permission->id : edge ? edge->id : std::string_view(); }

const Position* Decision::position() const {
  return permission ? &permission->position : edge ? &edge->position : nullptr;
}

Decision decide(std::span<const Edge> edges, const Attempt& attempt) {
  const Edge* undecided = nullptr;
  const bool known = is_known(attempt);
  const bool plain = known && manifest::is_plain_path(attempt.path);
  for (const Edge& edge : edges) {
    if (!is_edge_of(edge, attempt)) continue;
    if (edge.permissions.empty()) return {Verdict::allowed, &edge, nullptr, {}};
    if (!known) undecided = &edge;
    if (!plain) continue;
    for (const Permission& permission : edge.permissions) {
      if (covers(permission, attempt)) return {Verdict::allowed, &edge, &permission, {}};
    }
  }
  if (undecided) {
    return {Verdict::unknown, undecided, nullptr,
            fmt::format("{} at {} depends on the request's method and path", undecided->id, at(undecided->position))};
  }
  const Edge* nearest = nearest_edge(edges, attempt);
  return {Verdict::denied, nearest, nullptr, explain(edges, attempt, nearest)};
}

std::string missing_rule(std::span<const Edge> edges, const Attempt& attempt) {
  if (attempt.caller == kGateway || attempt.caller == attempt.callee) return "";
  bool egress = std::ranges::any_of(
      edges, [&](const Edge& edge) { return edge.kind == Edge::Kind::egress && edge.to == attempt.callee; });
  if (egress) return "";
  const Edge* nearest = nearest_edge(edges, attempt);
  bool same_port = !nearest || (nearest->port == attempt.port && nearest->protocol == attempt.protocol);
  if (!same_port) return "";  // a permission would be for the port that is declared
  if (attempt.protocol == Protocol::tcp) return fmt::format("calls: {{{}: }}", attempt.callee);
  std::string permission = permission_line(attempt);
  return permission.empty() ? "" : fmt::format("calls: {{{}: [{}]}}", attempt.callee, permission);
}

}  // namespace bulkhead::policy
