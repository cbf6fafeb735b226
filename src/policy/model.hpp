#pragma once

// Everything that a manifest declares to be reachable, as one type: the edge. What no edge covers is denied.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/json.hpp"
#include "base/result.hpp"
#include "manifest/application.hpp"

namespace bulkhead::policy {

using manifest::PathPattern;
using manifest::Port;
using manifest::Position;
using manifest::Protocol;
using manifest::Scheme;

// The gateway's name as a caller, also the last segment of its SPIFFE ID. No service can have it: names are DNS labels.
inline constexpr std::string_view kGateway = "_gateway";
// The collector's, as an instance; it calls nobody.
inline constexpr std::string_view kCollector = "_collector";

// One line of an edge's permissions, compiled.
struct Permission {
  std::string id;                    // "checkout.calls.payments[0]"
  std::vector<std::string> methods;  // http: upper case, none means any; grpc: none
  PathPattern path;                  // grpc: "/package.Service/Method" or "/package.Service/*"
  std::string text;                  // as the manifest writes it
  Position position;
  bool operator==(const Permission&) const = default;

  bool covers(std::string_view method, std::string_view request_path) const noexcept;
};

// What of an edge is refused whatever its permissions say: a deny rule of the manifest, as far as it is about the edge.
struct Deny {
  std::string id;                       // "deny.no-admin", "deny[2]"
  std::vector<Permission> permissions;  // their paths as manifest::widen_pattern makes them; none: everything
  std::optional<manifest::When> when;   // it must hold, or have no value; never of tcp
  bool from_anybody = false;            // the rule is about every caller
  Position position;
  bool operator==(const Deny&) const = default;
};

// Where a call is answered besides its name: an address of the caller's own loopback.
struct LocalAddress {
  std::string host;  // "localhost", "0.0.0.0" or an address of 127.0.0.0/8
  Port port;
  bool operator==(const LocalAddress&) const = default;
};

// The outside peer of an egress edge.
struct Outside {
  Scheme scheme = Scheme::https;
  std::string host;
  bool is_address = false;
  bool operator==(const Outside&) const = default;
};

struct Edge {
  enum class Kind : std::uint8_t { call, route, egress };
  // What of a call is learned, as its callee's mode says: recorded with the line that would allow it, and passes, but
  // for what a deny rule means.
  enum class Learned : std::uint8_t {
    nothing,
    lines,  // what its permissions and its condition do not cover
    whole,  // everything: nobody declares it, and both of its ends learn
  };
  Kind kind = Kind::call;
  std::string from;                     // a service, or kGateway
  std::string to;                       // a service; for egress the declared name
  Port port;                            // of the callee; one edge per port
  Protocol protocol = Protocol::http;   // egress: http for http and https, tcp for tcp
  std::vector<Permission> permissions;  // none: everything; routes: the paths as the service sees them
  std::optional<manifest::When> when;   // must hold besides; never of egress or tcp
  std::vector<Deny> denies;             // the same on all edges between the two at that port; never of egress
  bool audited = false;                 // what it does not cover, or denies, is recorded and passes; never of egress
  Learned learned = Learned::nothing;   // calls only, and never where audited
  std::optional<LocalAddress> at;       // calls only
  std::vector<std::string> as;          // calls only: the names that the caller knows it by besides `to`
  std::optional<Outside> outside;       // egress only
  // The rule: "checkout.calls.payments", "checkout.egress.mail", "gateway.routes[2]". A route has an edge more for each
  // other service and port that it may lead to: "gateway.routes[2].split[0]", "gateway.routes[2].fallback". A call that
  // is learned whole has "checkout.learn.payments".
  std::string id;
  Position position;  // of the rule in the manifest; where there is none, of the caller
  bool operator==(const Edge&) const = default;

  bool is_declared() const { return learned != Learned::whole; }
  // Whether something that it does not cover passes.
  bool is_enforced() const { return !audited && learned == Learned::nothing; }
};

struct Endpoint {
  Port port;
  std::string name;
  Protocol protocol = Protocol::http;
  bool operator==(const Endpoint&) const = default;
};

struct Node {
  std::string name;
  std::string owner;
  bool job = false;
  std::vector<Endpoint> ports;
  std::vector<std::string> secrets;  // the names of those that it has
  Position position;
  bool operator==(const Node&) const = default;
};

struct Model {
  std::string app;
  std::string trust_domain;
  std::vector<Node> services;  // in the manifest's order
  std::vector<Edge> edges;     // by service in the manifest's order (calls, those learned, egress), routes last
  // What names' addresses are made of: of each service ("catalog"), and of each other name that a service may dial
  // ("checkout mail"). A program keeps addresses, so that one that was given is never another's: see number_names().
  std::map<std::string, std::uint32_t> numbers;

  const Node* service(std::string_view name) const;
  bool has_gateway() const;
};

Model compile(const manifest::Application& application);

// Numbers what has no number in `known`, in the order of the manifest, above all that are known; compile() does it with
// nothing known. Numbers of names that are gone stay taken.
void number_names(Model& model, std::map<std::string, std::uint32_t> known);
std::string number_key(std::string_view service, std::string_view outside_name);

std::string_view to_string(Edge::Kind kind);
std::string_view to_string(Edge::Learned learned);

// Edges travel to the sidecars inside snapshots. Reading is strict: an unknown, missing, repeated or mistyped member, a
// name or pattern that no manifest could contain is Cause::invalid, and names the member.
nlohmann::json to_json(const Edge& edge);
nlohmann::json to_json(const Permission& permission);
Result<Edge> edge_from_json(const nlohmann::json& value);
nlohmann::json to_json(const Deny& deny);
Result<Permission> permission_from_json(const nlohmann::json& value, Protocol protocol);
Result<Deny> deny_from_json(const nlohmann::json& value, Protocol protocol);
nlohmann::json to_json(const std::vector<Edge>& edges);
Result<std::vector<Edge>> edges_from_json(const nlohmann::json& value);

// How edges, and what else our processes tell each other, are read from text.
using bulkhead::read_json;

}  // namespace bulkhead::policy
