#include "manifest/keys.hpp"

namespace bulkhead::manifest {

namespace {

using Known = std::string_view;

constexpr Known kManifest[] = {"app", "trust_domain", "svid_ttl", "services", "gateway"};
constexpr Advice kManifestLater[] = {
    {"auth", "end-user authentication"},
    {"include", "a manifest in several files"},
    {"schedule", "jobs at set times"},
    {"events", "the event log"},
    {"resources", "databases and volumes that services share"},
    {"telemetry", "export of traces and metrics"},
    {"mode", "learning and auditing instead of enforcing"},
    {"secrets", "secrets that are handed to services"},
};
constexpr Advice kManifestForeign[] = {
    {"name", "the application's name is 'app'"},
    {"version", "a manifest carries no version: remove it"},
    {"networks", "there are no networks: 'calls' of a service says whom it reaches"},
    {"volumes", "each service has a volume of its own, and 'mounts' of a service adds paths of the host"},
    {"configs", "'mounts' of a service adds files of the host"},
};

constexpr Known kService[] = {"type",     "dir",         "command",  "rootfs",   "mounts",    "port",   "ports",
                              "protocol", "environment", "env_file", "calls",    "egress",    "limits", "healthcheck",
                              "scale",    "depends_on",  "owner",    "profiles", "stop_grace"};
constexpr Advice kServiceLater[] = {
    {"image", "running a container image"},
    {"build", "building before the start"},
    {"contract", "checking requests against a contract"},
    {"resources", "databases that the platform provides"},
    {"publishes", "publishing events"},
    {"subscribes", "subscribing to events"},
    {"auth", "end-user authentication"},
    {"update", "rolling and canary updates"},
    {"schedule", "jobs at set times"},
    {"secrets", "secrets that are handed to services"},
    {"mode", "learning and auditing instead of enforcing"},
    {"timeout", "a time limit for every request"},
    {"retries", "retries of every request"},
    {"limit", "rate limits"},
};
constexpr Advice kServiceForeign[] = {
    {"entrypoint", "write the whole command line in 'command'"},
    {"args", "write the whole command line in 'command'"},
    {"cmd", "the key is 'command'"},
    {"env", "the key is 'environment'"},
    {"working_dir", "the key is 'dir'"},
    {"workdir", "the key is 'dir'"},
    {"volumes", "the key is 'mounts'; every service also has a writable volume of its own"},
    {"expose", "the key is 'port' or 'ports'"},
    {"links", "the key is 'calls'"},
    {"networks", "there are no networks: 'calls' says whom a service reaches"},
    {"network_mode", "a service's only network is its sidecar: 'calls' and 'egress' say whom it reaches"},
    {"privileged", "no service is privileged"},
    {"cap_add", "no service has a capability"},
    {"security_opt", "every service is sealed alike; there is nothing to relax"},
    {"user", "every service runs as a user of its own"},
    {"restart", "a service is always started again, a job never; 'type: job' makes a job"},
    {"deploy", "the keys are 'scale' and 'limits'"},
    {"replicas", "the key is 'scale'"},
    {"mem_limit", "the key is 'limits: {memory: ...}'"},
    {"cpus", "the key is 'limits: {cpu: ...}'"},
    {"pids_limit", "the key is 'limits: {pids: ...}'"},
    {"ulimits", "the key is 'limits: {files: ...}'"},
    {"stop_grace_period", "the key is 'stop_grace'"},
    {"container_name", "a service has the name of its key"},
    {"hostname", "a service has the name of its key"},
    {"health_check", "the key is 'healthcheck'"},
    {"readiness", "the key is 'healthcheck'"},
    {"name", "a service has the name of its key"},
};

constexpr Known kPort[] = {"name", "number", "protocol"};
constexpr Advice kPortForeign[] = {
    {"target", "the key is 'number'"},
    {"published", "nothing is published by a service: a route of the gateway does that"}};

constexpr Known kCall[] = {"allow", "port", "at"};
constexpr Advice kCallLater[] = {
    {"timeout", "a time limit for each request"},
    {"retries", "retries of what was sent"},
    {"when", "conditions on a call"},
    {"limit", "rate limits"},
    {"auth", "calls on behalf of an end user"},
};

constexpr Known kMount[] = {"from", "to", "read_only"};
constexpr Advice kMountForeign[] = {{"source", "the key is 'from'"},
                                    {"target", "the key is 'to'"},
                                    {"type", "every mount is a path of the host: remove it"}};

constexpr Known kLimits[] = {"memory", "cpu", "pids", "files"};
constexpr Advice kLimitsForeign[] = {{"cpus", "the key is 'cpu'"}, {"nofile", "the key is 'files'"}};

constexpr Known kHealthcheck[] = {"type", "path", "port", "service", "interval", "timeout", "retries", "start_period"};
constexpr Advice kHealthcheckForeign[] = {
    {"test",
     "no command is run inside: 'path' asks over HTTP, 'type: grpc' the gRPC health service, 'type: tcp' connects"},
    {"disable", "readiness decides who gets requests: leave 'healthcheck' out and it is guessed"},
};

constexpr Known kDependency[] = {"condition"};
constexpr Advice kDependencyForeign[] = {{"restart", "a dependency that fails is started again by itself: remove it"},
                                         {"required", "every dependency is required: remove it"}};

constexpr Known kGateway[] = {"listen", "tls", "redirect_http", "routes"};
constexpr Advice kGatewayLater[] = {{"auth", "end-user authentication"},
                                    {"limit", "rate limits"},
                                    {"cors", "CORS answers"},
                                    {"acme", "certificates from an ACME authority"},
                                    {"scale", "several gateways"}};

constexpr Known kTls[] = {"cert", "key"};
constexpr Advice kTlsForeign[] = {{"certificate", "the key is 'cert'"}};

constexpr Known kRoute[] = {"match", "to", "rewrite"};
constexpr Advice kRouteLater[] = {{"auth", "end-user authentication"},
                                  {"limit", "rate limits"},
                                  {"timeout", "a time limit for each request"},
                                  {"retries", "retries of what was sent"},
                                  {"contract", "checking requests against a contract"},
                                  {"cors", "CORS answers"},
                                  {"weight", "splitting traffic"}};
constexpr Advice kRouteForeign[] = {{"path", "write it inside 'match'"},
                                    {"host", "write it inside 'match'"},
                                    {"methods", "write it inside 'match'"},
                                    {"service", "the key is 'to'"}};

constexpr Known kMatch[] = {"host", "path", "methods"};
constexpr Advice kMatchLater[] = {{"headers", "routing by header"}, {"query", "routing by query"}};
constexpr Advice kMatchForeign[] = {{"method", "the key is 'methods'"},
                                    {"prefix", "write it as 'path', ending in '/*'"}};

constexpr Keys kKeys[] = {
    {"manifest", kManifest, kManifestLater, kManifestForeign},
    {"service", kService, kServiceLater, kServiceForeign},
    {"port", kPort, {}, kPortForeign},
    {"call", kCall, kCallLater, {}},
    {"mount", kMount, {}, kMountForeign},
    {"limits", kLimits, {}, kLimitsForeign},
    {"healthcheck", kHealthcheck, {}, kHealthcheckForeign},
    {"dependency", kDependency, {}, kDependencyForeign},
    {"gateway", kGateway, kGatewayLater, {}},
    {"tls", kTls, {}, kTlsForeign},
    {"route", kRoute, kRouteLater, kRouteForeign},
    {"match", kMatch, kMatchLater, kMatchForeign},
};
static_assert(std::size(kKeys) == kSections.size());

}  // namespace

const Keys& keys_of(Section section) { return kKeys[static_cast<std::size_t>(section)]; }

}  // namespace bulkhead::manifest
