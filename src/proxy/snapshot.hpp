#pragma once

// The configuration contract between controller and data plane. A Snapshot is everything one sidecar or gateway knows:
// it is made by the controller for one identity, travels as JSON, is named by the hash of its content, and is never
// changed: a new one replaces the old one whole. An equal hash is a no-op; applying a new one touches no connection
// that it does not concern.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.hpp"
#include "manifest/application.hpp"
#include "policy/model.hpp"
#include "policy/names.hpp"

namespace bulkhead::proxy {

using manifest::Protocol;
using manifest::Scheme;
using policy::Handling;
using HealthKind = manifest::Healthcheck::Kind;

enum class Role : std::uint8_t { sidecar, gateway };
enum class DoorKind : std::uint8_t { upstream, egress };

std::string_view to_string(Role role);
std::string_view to_string(DoorKind kind);

// A port on which this instance's service listens inside its compartment.
struct ServedPort {
  std::uint16_t number = 0;
  Protocol protocol = Protocol::http;

  bool operator==(const ServedPort&) const = default;
};

// Bounds of one instance; 0 means the default that defaults.hpp states.
struct Limits {
  std::uint32_t max_in_flight = 0;  // requests being served at once by the inner door
  std::uint32_t max_held = 0;       // requests waiting for a ready instance
  std::uint32_t hold_ms = 0;        // how long one of them waits at most

  bool operator==(const Limits&) const = default;
};

// What this instance's service promises.
struct ServiceContract {
  std::string file;  // as messages name it
  std::string text;  // an OpenAPI document; descriptors of gRPC, told by the file's name, as a set in base64url
  manifest::AnswerMode response = manifest::AnswerMode::filter;
  std::uint64_t most_body = 1U << 20U;    // octets of a body that is checked; a larger one is refused
  bool audited = false;                   // what a request breaks is recorded, and passes
  std::vector<std::string> hidden_paths;  // of which parts are not written down: contracts::PathMask

  bool operator==(const ServiceContract&) const = default;
};

// What this instance's service offers, and who may call it.
struct Inbound {
  std::vector<ServedPort> ports;
  std::vector<policy::Edge> edges;  // every edge whose callee is this service; empty denies everybody
  Limits limits;
  manifest::Concurrency concurrency;
  std::optional<ServiceContract> contract;  // of every http port, or every grpc port

  bool operator==(const Inbound&) const = default;
};

// How readiness of the own service is found out.
struct Health {
  HealthKind kind = HealthKind::tcp;
  bool guessed = false;    // http: any answer below 500 means ready, instead of 200 to 399
  std::uint16_t port = 0;  // 0: there is nothing to ask (a job); ready as soon as it runs
  std::string path;        // http: the target asked with GET; grpc: the service name ("" is the whole server)
  std::uint32_t interval_ms = 0;
  std::uint32_t timeout_ms = 0;
  std::uint32_t retries = 0;          // this many failures in a row make it unready
  std::uint32_t start_period_ms = 0;  // failures within it are expected and not reported

  bool operator==(const Health&) const = default;
};

// One instance of a callee, with the address of its sidecar's inner door: "unix:/path" or "tcp:HOST:PORT".
struct Endpoint {
  std::string instance;
  std::string address;
  bool ready = false;
  std::uint32_t share = 0;  // of the requests, in ten thousandths, while it is on trial; 0: as the others

  bool operator==(const Endpoint&) const = default;
};

// A service that this instance may call, at one of its ports.
struct Upstream {
  std::string service;
  std::uint16_t port = 0;  // the callee's own port, inside its compartment
  Protocol protocol = Protocol::http;
  std::string spiffe_id;  // the identity that every endpoint has to prove
  policy::Edge edge;      // this caller's edge, judged here too
  std::vector<Endpoint> endpoints;
  manifest::Resilience resilience;        // `to` and `port` of its splits and fallback: see detour()
  std::vector<std::string> hidden_paths;  // of the callee's contract, as it has them

  bool operator==(const Upstream&) const = default;
};

// An address and port that the compartment's programs may dial, and what stands behind it.
struct Door {
  std::string address;  // numeric: of 198.18.0.0/15; for `at:` 127.0.0.1 or ::1
  std::uint16_t port = 0;
  DoorKind kind = DoorKind::upstream;
  std::uint32_t index = 0;  // into Snapshot::upstreams or Snapshot::egress
  // As policy::Answering says: tcp for tcp upstreams and tcp egress, tls_through only for https egress, else http.
  Handling handling = Handling::http;

  bool operator==(const Door&) const = default;
};

// What the compartment's DNS answers.
struct Name {
  std::string name;  // lower case, no final dot
  std::string address;

  bool operator==(const Name&) const = default;
};

// A place outside that this instance may reach.
struct Egress {
  std::string name;  // as the manifest calls it
  Scheme scheme = Scheme::https;
  std::string host;
  std::uint16_t port = 443;
  bool allow_private = false;  // the manifest names a loopback, private or link-local address literally
  policy::Edge edge;

  bool operator==(const Egress&) const = default;
};

struct Listener {
  std::string name;  // of the inherited socket: "listen:0"
  bool tls = true;
  bool redirect_to_https = false;  // a plain listener that answers every request with 308 to https
  std::uint16_t https_port = 0;    // the public port of that redirect; 0 or 443 leaves it out of the URL

  bool operator==(const Listener&) const = default;
};

// Served by SNI. The first one is the answer where no name matches.
struct Certificate {
  std::vector<std::string> hosts;
  std::string chain_pem;
  std::string key_pem;  // secret: never logged, never part of an error

  bool operator==(const Certificate&) const = default;
};

// Chosen as manifest::choose says, its path rewritten as manifest::rewrite_path says.
struct Route {
  std::string host;                    // lower case, without port; "" is any host
  std::string path = "/*";             // a manifest::PathPattern
  std::vector<std::string> methods;    // upper case; none is any
  std::uint32_t upstream = 0;          // into Snapshot::upstreams
  std::optional<std::string> rewrite;  // a path prefix
  std::string rule;                    // the rule's id, for records; what a user's token says that it came in by
  manifest::EdgeRules rules;           // whole, but for the gateway's own limits and addresses, which count as well

  bool operator==(const Route&) const = default;
};

// Who vouches for end users: manifest::Provider with its keys in place of their path.
struct Provider {
  std::string name;
  std::string issuer;  // "": its users bring API keys, or come by client certificates
  std::vector<std::string> audiences;
  std::string jwks;                // the text of its key set; "": the gateway fetches it
  std::string jwks_url;            // from here; "": from where the issuer's metadata says
  std::vector<std::string> hosts;  // "id.example:443", where it may be fetched from; each is an egress of the snapshot
  std::string rsa_algorithm;       // of RSA keys that name none
  std::vector<std::string> claims;
  std::vector<manifest::ApiKey> api_keys;
  std::string client_anchors_pem;  // of those who sign its users' certificates; "": it is no provider of those
  std::string client_subject;      // as manifest::ClientCertificates has it

  bool operator==(const Provider&) const = default;
};

struct Gateway {
  std::vector<Listener> listeners;
  std::vector<Certificate> certificates;
  bool tls12 = false;               // else TLS 1.3 alone
  std::vector<Provider> providers;  // that routes name
  std::string signing_key_pem;      // of transaction tokens; a secret, as a certificate's key
  std::vector<std::string> seals;   // SealKey::text() of each service; secrets. Empty: they are too many
  std::vector<Route> routes;
  manifest::EdgeRules rules;

  bool operator==(const Gateway&) const = default;
};

// What a refusal needs to say which line would allow it.
struct ServiceHint {
  std::string service;
  std::string owner;       // "" where the manifest names none
  std::uint32_t line = 0;  // of the service in the manifest; 0 is unknown
  std::string file;        // of the manifest's files; "" is the one that Hints names

  bool operator==(const ServiceHint&) const = default;
};

struct Hints {
  std::string manifest;  // the file's name, as a person would write it
  std::vector<ServiceHint> services;

  bool operator==(const Hints&) const = default;
};

struct Snapshot {
  std::string app;
  std::string service;
  std::string instance;
  std::string trust_domain;
  std::string spiffe_id;  // "spiffe://<trust domain>/<app>/<service>"
  Role role = Role::sidecar;
  Inbound inbound;
  Health health;
  std::vector<Upstream> upstreams;
  std::vector<Door> doors;
  std::vector<Name> names;
  std::vector<Egress> egress;
  Gateway gateway;
  std::string user_keys;  // JWK Set of those who mint transaction tokens; "" where the application knows no users
  std::string user_seal;  // SealKey::text() of this service, a secret; "" as user_keys
  std::vector<std::string> secret_marks;  // telemetry::SecretMarks::text() of each service whose secrets may come here
  Hints hints;

  bool operator==(const Snapshot&) const = default;
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

// The upstream that a split or fallback of upstream `from` leads to; nothing where there is none. A gateway may have
// several for one service and port, each with the edge of another route: a route's stand behind its own, so that the
// first from there on is the one. Elsewhere there is one at most.
std::optional<std::uint32_t> detour(const Snapshot& snapshot, std::uint32_t from, std::string_view service,
                                    std::uint16_t port);

nlohmann::json to_json(const Snapshot& snapshot);

// Strict: every key is known and of its type, every key that has no default is there, indices point at something,
// two doors or names never collide. Cause::invalid names the place: "snapshot.doors[2].port: ...".
Result<Snapshot> snapshot_from_json(const nlohmann::json& json);

// The same from text, read as policy::read_json does: no key twice, bounded depth.
Result<Snapshot> parse_snapshot(std::string_view text);

// "sha256:" and 64 hexadecimal digits over the canonical JSON (sorted keys, no white space).
std::string content_hash(const Snapshot& snapshot);

}  // namespace bulkhead::proxy
