#pragma once

// The application as its manifest declares it: plain data, complete and consistent once parse() returned it. Paths are
// as written; a relative one counts from the directory of the manifest. docs/manifest.md explains every key.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/auth.hpp"
#include "manifest/deny.hpp"
#include "manifest/gateway.hpp"
#include "manifest/pattern.hpp"
#include "manifest/position.hpp"
#include "manifest/protocol.hpp"
#include "manifest/resilience.hpp"
#include "manifest/secret.hpp"
#include "manifest/telemetry.hpp"
#include "manifest/units.hpp"
#include "manifest/update.hpp"

namespace bulkhead::manifest {

struct DeclaredPort {
  std::string name;  // "main" for the only one of `port:`
  Port number;
  Protocol protocol = Protocol::http;
  Position position;
  bool operator==(const DeclaredPort&) const = default;
};

struct Mount {
  std::string host;    // a path of the host, relative to the manifest or absolute, or "~/..."
  std::string inside;  // an absolute path in the compartment
  bool read_only = true;
  Position position;
  bool operator==(const Mount&) const = default;
};

struct Variable {
  std::string name;
  std::string value;
  Position position;  // in the manifest, or in the env_file it came from
  bool operator==(const Variable&) const = default;
};

// Where a program that has its peer's address wired in expects the peer: an address of its own loopback.
struct WiredAddress {
  std::string host;  // "localhost", "0.0.0.0" or an address of 127.0.0.0/8
  Port port;
  Position position;
  bool operator==(const WiredAddress&) const = default;
};

struct Call {
  std::string service;                  // exists in the application
  std::vector<Port> ports;              // ports of that service, at least one
  std::vector<Permission> permissions;  // none: everything that those ports answer
  std::optional<WiredAddress> at;       // only where `ports` is one
  std::vector<std::string> as;          // names that it answers under besides its own
  std::optional<When> when;             // only where none of `ports` is tcp
  Resilience resilience;                // `split` and a fallback's `to` only where `ports` is one
  Position position;
  bool operator==(const Call&) const = default;
};

enum class Scheme : std::uint8_t { http, https, tcp };

struct Egress {
  std::string name;  // what the program dials: http://mail/
  Scheme scheme = Scheme::https;
  std::string host;  // lower case, a DNS name or an IP address literal without brackets
  Port port;
  bool is_address = false;  // `host` is an IP address literal
  Position position;
  bool operator==(const Egress&) const = default;
};

struct Limits {
  std::optional<Bytes> memory;
  std::optional<double> cpu;  // processors, 0.5 is half of one
  std::optional<std::uint32_t> pids;
  std::optional<std::uint32_t> files;  // open descriptors
  bool operator==(const Limits&) const = default;
};

struct Healthcheck {
  enum class Kind : std::uint8_t { http, grpc, tcp };
  Kind kind = Kind::http;
  bool guessed = true;           // no `type` or `path` was written: any well-formed answer means ready
  Port port;                     // one of the service's own
  std::string path = "/";        // http: 200 to 399 means ready (below 500 where guessed)
  std::string service;           // grpc: the name to ask grpc.health.v1 about; "" is the whole server
  Duration interval{2000};       // between checks once ready
  Duration timeout{1000};        // of one check
  std::uint32_t retries = 3;     // failures in a row that make a ready instance unready
  Duration start_period{60000};  // an instance not ready by then counts as failed
  bool operator==(const Healthcheck&) const = default;
};

enum class Condition : std::uint8_t { started, ready, done };

struct Dependency {
  std::string service;
  Condition condition = Condition::started;
  Position position;
  bool operator==(const Dependency&) const = default;
};

// What is known of a service's image once it is unpacked (control/images.hpp).
struct FromImage {
  std::string root;                  // the directory with its root file system
  std::vector<std::string> command;  // entry point and arguments
  std::map<std::string, std::string> environment;
  std::string start_in;  // an absolute path inside
  std::string user;      // what it calls the user that it runs as
  bool operator==(const FromImage&) const = default;
};

// How a service's program is made: outside of any compartment, by whoever says `up`, before anything starts.
struct Build {
  std::vector<std::vector<std::string>> commands;  // one after the other, each a program and its arguments
  std::string dir;                                 // where they run; what `inputs` and `ignore` count from
  std::vector<std::string> inputs;                 // patterns of the files it depends on; none: all below `dir`
  std::vector<std::string> ignore;                 // patterns of files that do not count
  bool operator==(const Build&) const = default;
};

enum class ServiceType : std::uint8_t { service, job };

// The ways into a running compartment. One is open where neither the application nor the service switched it off.
struct Debug {
  bool exec = true;
  bool run = true;
  bool forward = true;
  bool operator==(const Debug&) const = default;
};

// Who may do what on the control socket: Unix groups, names or numbers as written. The launcher and root need none.
struct Operators {
  struct Group {
    std::string name;
    Position position;
    bool operator==(const Group&) const = default;
  };
  bool operator==(const Operators&) const = default;
  std::vector<Group> viewer, operate, admin;
  bool none() const { return viewer.empty() && operate.empty() && admin.empty(); }
};

// What becomes of a request that the rules of a call or route do not cover.
enum class Mode : std::uint8_t {
  enforce,  // it is refused
  audit,    // it is recorded as one that would be refused, and passes
  learn,    // of a call it is recorded with the line that would allow it, and passes; between two services that learn
            // so does what no call declares
};
std::string_view to_string(Mode mode);

// What becomes of an answer that has more in it than the contract says.
enum class AnswerMode : std::uint8_t {
  filter,  // what is not declared is taken out, and what can't be looked at does not leave
  report,  // it is recorded
  off,     // answers are not looked at
};
std::string_view to_string(AnswerMode mode);

enum class ContractKind : std::uint8_t { openapi, protobuf };
// By the name's end: .proto, and .binpb, .pb or .protoset of descriptor sets, are of Protocol Buffers.
ContractKind contract_kind(std::string_view file);

// What a service promises: an OpenAPI document, or the descriptors of a gRPC service.
struct Contract {
  std::string file;                       // relative to the manifest or absolute
  std::string text;                       // not by parse(), which looks at no file; of descriptors a set in base64url
  std::vector<std::string> hidden_paths;  // likewise: of its paths with a sensitive parameter, as contracts::PathMask
  AnswerMode answers = AnswerMode::filter;
  std::uint64_t most_body = 1U << 20U;  // octets of a body that is checked
  Position position;
  bool operator==(const Contract&) const = default;
};

struct Service {
  std::string name;
  ServiceType type = ServiceType::service;
  std::string dir = ".";
  std::vector<std::string> command;  // at least one word, unless an image brings it; never run through a shell
  std::optional<std::string> rootfs;
  std::optional<std::string> image;     // "oci:DIR[:TAG]" or "docker://..."; then `dir` is "" unless written
  std::optional<FromImage> from_image;  // not by parse(), which looks at no file
  std::optional<Build> build;
  std::string sources;  // a hash of the files that it is made of, "" if nobody looked; not by parse() either
  std::vector<Mount> mounts;
  std::vector<DeclaredPort> ports;  // in the manifest's order; the first is injected as PORT; a job or worker has none
  std::vector<Variable> environment;  // env_file's first, then `environment`'s; every name once
  std::vector<std::string> env_file;
  std::vector<GrantedSecret> secrets;   // each target once
  std::vector<std::string> not_secret;  // variables of `environment` that only look like one
  std::vector<Call> calls;
  std::vector<Egress> egress;
  Limits limits;
  std::optional<Healthcheck> healthcheck;  // guessed where not written; none without a port
  std::uint32_t scale = 1;
  Concurrency concurrency;
  Update update;
  Job job;  // of a job
  std::vector<Dependency> depends_on;
  std::string owner;
  std::vector<std::string> profiles;
  Duration stop_grace{10000};
  Debug debug;                       // the application's word already counted in
  std::optional<Contract> contract;  // only where every port speaks http, or grpc for descriptors
  std::optional<Mode> mode;  // of requests to it; the application's where it says nothing, never none after parse()
  Position position;

  const DeclaredPort* port(Port number) const;
  const Call* call(std::string_view target) const;
  bool operator==(const Service&) const = default;
};

struct Application {
  std::string name;
  std::string trust_domain;  // "<name>.bulkhead" unless written
  Duration svid_ttl{3600000};
  std::string file;                   // the manifest's name, as ParseOptions gave it
  std::vector<Service> services;      // those that the active profiles include, in the manifest's order
  std::vector<std::string> inactive;  // names of the others
  std::vector<Secret> secrets;        // that are declared, in the manifest's order
  std::optional<Gateway> gateway;
  std::vector<Provider> auth;    // in the manifest's order
  std::vector<DenyRule> denies;  // in the manifest's order
  Operators operators;
  Telemetry telemetry;
  Debug debug;
  Mode mode = Mode::enforce;

  const Service* service(std::string_view name) const;
  // Of its services and of its export; they live as long as this is not changed.
  std::vector<const GrantedSecret*> granted_secrets() const;
  bool operator==(const Application&) const = default;
};

std::string_view to_string(Scheme scheme);
std::string_view to_string(ServiceType type);
std::string_view to_string(Condition condition);
std::string_view to_string(Healthcheck::Kind kind);

}  // namespace bulkhead::manifest
