#pragma once

// What is read before it is known whether names refer to anything. Internal to this folder.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "manifest/application.hpp"
#include "manifest/fields.hpp"

namespace bulkhead::manifest {

// What a call or a route says about failures, before it is known where its names lead.
struct ResilienceDraft {
  std::string owner;  // as mistakes call it: "the call of 'web' to 'api'"
  Resilience value;
  std::vector<Text> of_requests;        // the keys written that a tcp port has no use for
  std::vector<Text> split_to;           // of value.split, one each: "service" or "service:port"
  std::optional<Text> fallback_to;      // likewise
  std::optional<Mark> fallback_answer;  // of a fallback with an answer of its own
};

struct CallDraft {
  std::string target;
  Mark mark;
  std::vector<Text> ports;  // numbers or names
  std::vector<Text> permissions;
  std::optional<WiredAddress> at;
  std::vector<Text> as;
  std::optional<When> when;
  ResilienceDraft resilience;
};

struct SecretDraft {
  Text source;  // the name of a secret of the manifest
  GrantedSecret granted;
};

struct HealthDraft {
  Healthcheck check;
  std::optional<Text> type;
  std::optional<Text> port;  // number or name
  bool has_path = false;
  Mark mark;
};

struct ServiceDraft {
  Service service;
  Mark mark;
  bool active = true;
  std::vector<CallDraft> calls;
  std::vector<SecretDraft> secrets;
  std::optional<HealthDraft> health;
  std::optional<Mark> concurrency;
};

struct RouteDraft {
  Route route;
  Text to;  // "service" or "service:port"
  ResilienceDraft resilience;
  Mark mark;
  bool valid = true;  // its match was understood
};

struct DenyDraft {
  DenyRule rule;
  std::vector<Text> from, to;  // services and groups
  std::vector<Text> requests;
  Mark mark;
};

struct GroupDraft {
  Mark mark;
  std::vector<Text> members;
};

struct Draft {
  Application application;
  std::vector<ServiceDraft> services;                      // inactive ones too, each name once
  std::map<std::string, std::size_t, std::less<>> places;  // by name, in `services`
  std::vector<RouteDraft> routes;
  std::vector<DenyDraft> denies;
  std::map<std::string, GroupDraft, std::less<>> groups;  // by name

  const ServiceDraft* find(std::string_view name) const;
};

// Reading: each reports what it does not understand and goes on.
void read_service(Context& context, const Entry& entry, Draft& draft);
void read_ports(Context& context, const Fields& fields, Service& service);
void read_calls(Context& context, const Node& node, ServiceDraft& draft);
void read_egress(Context& context, const Node& node, Service& service);
void read_environment(Context& context, const Fields& fields, Service& service);
void read_secrets(Context& context, const Node& node, Draft& draft);                   // of the manifest
void read_granted_secrets(Context& context, const Node& node, ServiceDraft& service);  // of a service
void read_mounts(Context& context, const Node& node, Service& service);
void read_dependencies(Context& context, const Node& node, Service& service);
void read_health(Context& context, const Node& node, ServiceDraft& draft);
void read_when(Context& context, const Fields& fields, std::optional<When>& into, ResilienceDraft& draft);
void read_providers(Context& context, const Node& node, Application& application);
void read_auth(Context& context, const Fields& fields, const std::vector<Provider>& providers,
               std::optional<Auth>& into);  // once the providers are read
// What stands at `limit`, each once.
std::vector<Limit> read_limits(Context& context, const Node& node, const std::string& what);
void read_edge_rules(Context& context, const Fields& fields, EdgeRules& rules);
void read_gateway(Context& context, const Node& node, Mark mark, Draft& draft);
void read_resilience(Context& context, const Fields& fields, ResilienceDraft& draft);
void read_detours(Context& context, const Fields& fields, ResilienceDraft& draft);  // fallback, faults, split
std::optional<Mode> read_mode(Context& context, const Fields& fields);
void read_one_line(Context& context, const Fields& fields, std::string_view key, std::string& into);
void read_concurrency(Context& context, const Fields& fields, ServiceDraft& draft);
void read_contract(Context& context, const Fields& fields, Service& service);       // once its ports are read
void read_job(Context& context, const Fields& fields, Service& service);            // once its type is read
void read_build(Context& context, const Fields& fields, Service& service);          // once its dir is read
void read_update(Context& context, const Fields& fields, Service& service);         // once its ports are read
void read_telemetry(Context& context, const Node& node, Application& application);  // once the secrets are read
void read_operators(Context& context, const Node& node, Application& application);
void read_debug(Context& context, const Node& node, std::string owner, Debug& debug);
void read_denies(Context& context, const Node& node, Draft& draft);
void read_roles(Context& context, const Node& node);  // into `context`
void read_groups(Context& context, const Node& node, Draft& draft);

// Judging: what the names refer to. Each fills in the service's or gateway's final values.
void resolve_calls(Context& context, Draft& draft, ServiceDraft& service);
void resolve_health(Context& context, ServiceDraft& service);
void resolve_secrets(Context& context, const Draft& draft, ServiceDraft& service);
void check_dependencies(Context& context, const Draft& draft);
void check_outside(Context& context, const Draft& draft, const ServiceDraft& service);
void check_wired(Context& context, const ServiceDraft& service);
void check_aliases(Context& context, const ServiceDraft& service);
void resolve_routes(Context& context, Draft& draft);
void complete_edge_rules(Gateway& gateway);  // once its routes are resolved: what nobody wrote
void resolve_call_detours(Context& context, const Draft& draft, ServiceDraft& service);  // once its calls are resolved
void resolve_route_detours(Context& context, const Draft& draft, const ResilienceDraft& written, Route& route);
void check_ports(Context& context, const ResilienceDraft& written, const Service& callee,
                 const std::vector<Port>& ports);
void check_concurrency(Context& context, const ServiceDraft& service);
void check_groups(Context& context, const Draft& draft);
void expand_group_calls(Context& context, Draft& draft);  // before calls are resolved
void resolve_denies(Context& context, Draft& draft);
void check_users(Context& context, const Draft& draft);  // that somebody vouches for those whom conditions ask for

// The port of `service` that `text` means, by number or name; reports where it has none.
const DeclaredPort* find_port(Context& context, const Text& text, const Service& service);

// The service `name`, where one exists and is active (or `from` is inactive too); reports otherwise. `deed` says what
// was wanted: "to call".
const ServiceDraft* find_service(Context& context, const Draft& draft, const Text& name, bool from_active,
                                 std::string_view deed);

std::string ports_of(const Service& service);  // "8080 (web), 50051 (rpc)"

// Whether `target` has a port and is no job; reports otherwise. `deed` as above.
bool can_be_called(Context& context, const Text& name, const ServiceDraft& target, std::string_view deed);

// "catalog" or "catalog:8080": a service, and a port's number or name.
struct Destination {
  Text service;
  std::optional<Text> port;
};
Destination destination_of(const Text& text);

// "127.0.0.1:8443", "[::1]:8443": an address literal and a port, host without brackets.
struct HostPort {
  std::string host;
  Port port;
};
std::optional<HostPort> split_host_port(std::string_view text);
// The host of "https://id.example/keys"; of http a loopback address alone. Port 443 or 80 where it names none.
std::optional<KeyHost> host_of_url(std::string_view url);
bool is_ipv4(std::string_view text);  // four decimal numbers without leading zeros
bool is_ipv6(std::string_view text);
bool is_host_name(std::string_view text);  // lower-case DNS name whose last label is no number

}  // namespace bulkhead::manifest
