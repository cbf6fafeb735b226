#include "manifest/gateway.hpp"

#include <algorithm>
#include <tuple>

namespace bulkhead::manifest {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_host(std::string_view declared, std::string_view given) {
  return std::ranges::equal(declared, given, [](char a, char b) { return a == lower(b); });
}

bool matches(const Match& match, std::string_view host, std::string_view method, std::string_view path) {
  if (!match.host.empty() && !same_host(match.host, host)) return false;
  bool method_matches = match.methods.empty() || std::ranges::find(match.methods, method) != match.methods.end();
  return method_matches && match.path.matches(path);
}

// Larger is more specific.
auto specificity(const Match& match) {
  bool exact = match.path.text().find('*') == std::string::npos;
  return std::tuple(!match.host.empty(), exact, match.path.literal_prefix().size(), !match.methods.empty());
}

// What `rewrite` replaces: the literal prefix of a wildcard pattern up to and with its last slash.
std::string_view replaced(const Match& match) { return match.path.literal_prefix(); }

std::string with_slash(const std::string& prefix) { return prefix.ends_with('/') ? prefix : prefix + "/"; }

std::string rewritten(const Route& route, std::string_view path) {
  if (!route.rewrite) return std::string(path);
  if (!route.match.path.is_prefix()) return *route.rewrite;
  return with_slash(*route.rewrite) + std::string(path.substr(std::min(path.size(), replaced(route.match).size())));
}

}  // namespace

const Route* choose(const Gateway& gateway, std::string_view host, std::string_view method, std::string_view path) {
  const Route* best = nullptr;
  for (const Route& route : gateway.routes) {
    if (!matches(route.match, host, method, path)) continue;
    if (!best || specificity(route.match) > specificity(best->match)) best = &route;
  }
  return best;
}

std::string rewrite_path(const Route& route, std::string_view path) { return rewritten(route, path); }

PathPattern rewritten_pattern(const Route& route) {
  auto pattern = PathPattern::parse(rewritten(route, route.match.path.text()));
  return pattern ? *pattern : route.match.path;
}

std::string_view to_string(Tls::Mode mode) {
  switch (mode) {
    case Tls::Mode::generated: return "generated";
    case Tls::Mode::files: return "files";
    case Tls::Mode::off: return "off";
  }
  return "off";
}

}  // namespace bulkhead::manifest
