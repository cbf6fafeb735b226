#include "policy/deny.hpp"

#include <algorithm>

#include <fmt/ranges.h>

#include "manifest/wide_path.hpp"

namespace bulkhead::policy {

namespace {

bool is_among(const std::vector<std::string>& services, std::string_view name) {
  return std::ranges::find(services, name) != services.end();
}

bool is_about(const manifest::DenyRule& rule, const Edge& edge) {
  if (edge.kind == Edge::Kind::egress || !is_among(rule.to, edge.to)) return false;
  if (rule.from_anybody) return true;
  return edge.from == kGateway ? rule.from_gateway : is_among(rule.from, edge.from);
}

// None where the rule is about other protocols than the edge's.
std::vector<Permission> requests_of(const manifest::DenyRule& rule, Protocol protocol) {
  std::vector<Permission> compiled;
  for (std::size_t i = 0; i < rule.requests.size(); ++i) {
    const manifest::Permission& each = rule.requests[i];
    if (each.protocol != protocol) continue;
    auto path = manifest::widen_pattern(each.path);
    compiled.push_back({.id = fmt::format("{}[{}]", rule.id, i),
                        .methods = each.methods,
                        .path = path ? std::move(*path) : PathPattern(),
                        .text = each.text,
                        .position = each.position});
  }
  return compiled;
}

char capital(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

// Some programs take "delete" for DELETE.
bool is_method(std::string_view wanted, std::string_view sent) {
  return std::ranges::equal(wanted, sent, {}, {}, capital);
}

bool has_method(const Permission& permission, std::string_view sent) {
  return permission.methods.empty() ||
         std::ranges::any_of(permission.methods, [&](const std::string& each) { return is_method(each, sent); });
}

}  // namespace

std::vector<Deny> denies_on(const manifest::Application& application, const Edge& edge) {
  std::vector<Deny> denies;
  for (const manifest::DenyRule& rule : application.denies) {
    if (!is_about(rule, edge)) continue;
    Deny deny{.id = rule.id, .permissions = requests_of(rule, edge.protocol), .when = rule.when};
    if (deny.permissions.empty() && !rule.requests.empty()) continue;
    deny.from_anybody = rule.from_anybody;
    deny.position = rule.position;
    denies.push_back(std::move(deny));
  }
  return denies;
}

Meant meant(const Deny& deny, const Attempt& attempt) {
  static thread_local std::string wide;
  if (deny.permissions.empty()) return Meant::yes;
  const bool http = attempt.protocol == Protocol::http;
  if (attempt.path.empty() || (http && attempt.method.empty())) return Meant::maybe;
  // What could be read as another path may be the one that is denied.
  const bool clear = manifest::widen_path(attempt.path, wide);
  const auto covers = [&](const Permission& permission) {
    return has_method(permission, attempt.method) && (!clear || manifest::matches_wide(permission.path, wide));
  };
  return std::ranges::any_of(deny.permissions, covers) ? Meant::yes : Meant::no;
}

std::string spoken(const Deny& deny) {
  std::vector<std::string_view> texts;
  for (const Permission& permission : deny.permissions) texts.push_back(permission.text);
  std::string what = texts.empty() ? "anything" : fmt::format("{}", fmt::join(texts, ", "));
  if (deny.when) what += " when " + deny.when->source;
  return fmt::format("{} ({} at {})", what, deny.id, manifest::to_string(deny.position));
}

}  // namespace bulkhead::policy
