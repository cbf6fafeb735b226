#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/edge_rules.hpp"
#include "manifest/pattern.hpp"
#include "manifest/position.hpp"
#include "manifest/resilience.hpp"
#include "manifest/units.hpp"
#include "manifest/when.hpp"

namespace bulkhead::manifest {

// An address that the gateway listens on. `host` is an IP address literal without brackets; "0.0.0.0" is every IPv4
// one.
struct Listen {
  std::string host;
  Port port;
  Position position;
  bool operator==(const Listen&) const = default;
};

struct Tls {
  enum class Mode : std::uint8_t { generated, files, off };
  Mode mode = Mode::generated;
  std::string certificate;  // paths; only where `mode` is files
  std::string key;
  bool operator==(const Tls&) const = default;
};

struct Match {
  std::string host;                  // lower case, without port; "" is any host
  PathPattern path;                  // "/*" unless written
  std::vector<std::string> methods;  // upper case; none is any
  bool operator==(const Match&) const = default;
};

struct Route {
  Match match;
  std::string service;
  Port port;                           // one of that service's, http or grpc
  std::optional<std::string> rewrite;  // a path prefix, "/" or "/v2"; see rewrite_path
  Resilience resilience;
  std::optional<When> when;
  EdgeRules rules;  // its own limits and addresses; of the rest the gateway's where it says nothing itself
  Position position;
  bool operator==(const Route&) const = default;
};

struct Gateway {
  std::vector<Listen> listen;  // at least one
  Tls tls;
  bool tls12 = false;                   // else TLS 1.3 alone
  std::optional<Listen> redirect_http;  // answers every request with a redirect to the first of `listen`
  EdgeRules rules;                      // of all routes together
  std::vector<Route> routes;            // at least one, in the manifest's order
  Position position;
  bool operator==(const Gateway&) const = default;
};

// The first of the most specific routes that match, or null. A given host goes before any host; a path without wildcard
// before one with; then the longer literal prefix; then given methods before any; then the manifest's order.
// `host` is the request's, in any case and without port. Allocates nothing.
const Route* choose(const Gateway& gateway, std::string_view host, std::string_view method, std::string_view path);

// The path that the service sees. With `rewrite`, the match's literal prefix up to and with its last slash is replaced:
// /api/checkout/* with rewrite / makes /x of /api/checkout/x, with /v2 it makes /v2/x; an exact path becomes `rewrite`.
std::string rewrite_path(const Route& route, std::string_view path);

// The pattern that every rewritten path of this route matches.
PathPattern rewritten_pattern(const Route& route);

std::string_view to_string(Tls::Mode mode);

}  // namespace bulkhead::manifest
