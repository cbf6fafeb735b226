#include "manifest/keys.hpp"

namespace bulkhead::manifest {

namespace {

using Known = std::string_view;

// Other tools' words that a call and a route share.
constexpr std::string_view kRetriesKey = "the key is 'retries', which counts the tries after the first";
constexpr std::string_view kPerTryKey = "write it as 'per_try' inside 'retries': retries: {max: 2, per_try: 500ms}";
constexpr std::string_view kTimeoutKey = "the key is 'timeout'";
constexpr std::string_view kBreakerKey = "the key is 'breaker'";
constexpr std::string_view kOutliersKey = "the key is 'outliers'";
constexpr std::string_view kSplitKey = "write a share inside 'split': split: [{to: OTHER, share: 10%}]";
constexpr std::string_view kFaultsKey = "write it inside 'faults': faults: [{delay: 200ms, share: 5%}]";
constexpr std::string_view kRetryOnKey = "the key is 'on', statuses such as [429, 500]; 502, 503 and 504 always count";

constexpr Known kManifest[] = {"app",   "trust_domain", "svid_ttl", "services", "gateway", "operators",
                               "debug", "include",      "owner",    "mode",     "auth",    "secrets",
                               "deny",  "groups",       "roles",    "telemetry"};
constexpr Advice kManifestLater[] = {
    {"events", "the event log"},
    {"resources", "databases and volumes that services share"},
};
constexpr Advice kManifestForeign[] = {
    {"name", "the application's name is 'app'"},
    {"schedule", "a job's times stand in its service: {type: job, job: {schedule: \"0 3 * * *\"}}"},
    {"version", "a manifest carries no version: remove it"},
    {"networks", "there are no networks: 'calls' of a service says whom it reaches"},
    {"volumes", "each service has a volume of its own, and 'mounts' of a service adds paths of the host"},
    {"configs", "'mounts' of a service adds files of the host"},
};

constexpr Known kDeny[] = {"name", "from", "to", "requests", "when"};
constexpr Advice kDenyForeign[] = {
    {"allow", "what is denied stands in 'requests'"},
    {"methods", "write them in 'requests', as calls do: requests: [DELETE /admin/*]"},
    {"path", "write it in 'requests', as calls do: requests: [DELETE /admin/*]"},
    {"paths", "write them in 'requests', as calls do: requests: [DELETE /admin/*]"},
    {"caller", "the key is 'from'"},
    {"callee", "the key is 'to'"},
    {"if", "the key is 'when'"},
    {"condition", "the key is 'when'"},
    {"id", "the key is 'name'"},
};

constexpr Known kService[] = {"type",   "dir",      "command",     "build",       "rootfs",      "mounts",
                              "port",   "ports",    "protocol",    "environment", "env_file",    "calls",
                              "egress", "limits",   "healthcheck", "scale",       "concurrency", "depends_on",
                              "owner",  "profiles", "stop_grace",  "update",      "job",         "debug",
                              "image",  "mode",     "contract",    "secrets",     "not_secret"};
constexpr Advice kServiceLater[] = {
    {"resources", "databases that the platform provides"},
    {"publishes", "publishing events"},
    {"subscribes", "subscribing to events"},
    {"limit", "rate limits"},
};
constexpr Advice kServiceForeign[] = {
    {"auth", "who it is, is asked at the gateway: the key 'auth' of a route"},
    {"timeout", "a time limit belongs to a call: calls: {PEER: {timeout: 2s}}"},
    {"retries", "retries belong to a call: calls: {PEER: {retries: 2}}"},
    {"breaker", "a breaker belongs to a call: calls: {PEER: {breaker: on}}"},
    {"circuit_breaker", "a breaker belongs to a call: calls: {PEER: {breaker: on}}"},
    {"fallback", "a fallback belongs to a call: calls: {PEER: {fallback: {to: OTHER}}}"},
    {"outliers", "which instances a caller leaves alone belongs to its call: calls: {PEER: {outliers: {failures: 3}}}"},
    {"slow_start", "how a caller treats new instances belongs to its call: calls: {PEER: {slow_start: 30s}}"},
    {"faults", "faults belong to a call: calls: {PEER: {faults: [{delay: 200ms, share: 5%}]}}"},
    {"split", "a split belongs to a call or a route: calls: {PEER: {split: [{to: OTHER, share: 10%}]}}"},
    {"max_connections", "the key is 'concurrency'"},
    {"max_concurrency", "the key is 'concurrency'"},
    {"max_requests", "the key is 'concurrency'"},
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
    {"deploy", "the keys are 'scale', 'limits' and 'update'"},
    {"schedule", "a job's times stand in its key 'job': job: {schedule: \"0 3 * * *\"}"},
    {"cron", "a job's times stand in its key 'job': job: {schedule: \"0 3 * * *\"}"},
    {"update_config", "the key is 'update'"},
    {"strategy", "the key is 'update'"},
    {"rollout", "the key is 'update'"},
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

constexpr Known kCall[] = {"allow",    "port",       "at",       "as",     "timeout", "retries", "breaker",
                           "outliers", "slow_start", "fallback", "faults", "split",   "when"};
constexpr Advice kCallLater[] = {
    {"limit", "rate limits"},
};
constexpr Advice kCallForeign[] = {
    {"auth", "whom a request is for travels by itself: when: 'user.sub != \"\"'"},
    {"if", "the key is 'when'"},
    {"condition", "the key is 'when'"},

    {"alias", "the key is 'as'"},
    {"aliases", "the key is 'as', and it has one name"},
    {"attempts", kRetriesKey},
    {"max_retries", kRetriesKey},
    {"num_retries", kRetriesKey},
    {"retry_policy", kRetriesKey},
    {"perTryTimeout", kPerTryKey},
    {"per_try_timeout", kPerTryKey},
    {"per_try", kPerTryKey},
    {"deadline", kTimeoutKey},
    {"request_timeout", kTimeoutKey},
    {"circuit_breaker", kBreakerKey},
    {"circuit_breakers", kBreakerKey},
    {"circuitBreaker", kBreakerKey},
    {"outlier_detection", kOutliersKey},
    {"outlierDetection", kOutliersKey},
    {"weight", kSplitKey},
    {"canary", kSplitKey},
    {"fault", kFaultsKey},
    {"delay", kFaultsKey},
    {"abort", kFaultsKey},
    {"concurrency", "it belongs to the service that is called: its key 'concurrency'"},
    {"to", "a call is written under the name of the service; 'split' and 'fallback' lead to others"},
};

constexpr Known kRetries[] = {"max", "on", "unsafe", "per_try", "backoff", "most_backoff", "budget"};
constexpr Advice kRetriesForeign[] = {
    {"attempts", "the key is 'max', which counts the tries after the first"},
    {"count", "the key is 'max', which counts the tries after the first"},
    {"timeout", "the key is 'per_try'; the limit of all tries together is 'timeout' beside 'retries'"},
    {"perTryTimeout", "the key is 'per_try'"},
    {"per_try_timeout", "the key is 'per_try'"},
    {"retryOn", kRetryOnKey},
    {"retry_on", kRetryOnKey},
    {"statuses", kRetryOnKey},
    {"codes", kRetryOnKey},
    {"max_backoff", "the key is 'most_backoff'"},
    {"idempotent", "methods that are not idempotent are repeated with 'unsafe: true' alone"},
};

constexpr Known kBreaker[] = {"errors", "requests", "over", "open"};
constexpr Advice kBreakerForeign[] = {
    {"threshold", "the key is 'errors', a share of the requests: errors: 50%"},
    {"failures", "the key is 'errors', a share of the requests; failures in a row are counted by 'outliers'"},
    {"window", "the key is 'over'"},
    {"interval", "the key is 'over'"},
    {"timeout", "the key is 'open'"},
    {"sleep_window", "the key is 'open'"},
    {"max_connections", "how much a service takes at once is its own key 'concurrency'"},
};

constexpr Known kOutliers[] = {"failures", "eject", "most"};
constexpr Advice kOutliersForeign[] = {
    {"consecutive5xxErrors", "the key is 'failures'"}, {"consecutive_5xx", "the key is 'failures'"},
    {"consecutiveErrors", "the key is 'failures'"},    {"baseEjectionTime", "the key is 'eject'"},
    {"base_ejection_time", "the key is 'eject'"},      {"maxEjectionPercent", "the key is 'most'"},
    {"max_ejection_percent", "the key is 'most'"},     {"interval", "every answer counts at once: remove it"},
};

constexpr Known kFallback[] = {"status", "type", "body", "to"};
constexpr Advice kFallbackForeign[] = {
    {"code", "the key is 'status'"}, {"content_type", "the key is 'type'"}, {"service", "the key is 'to'"}};

constexpr Known kFault[] = {"delay", "abort", "share", "headers"};
constexpr Advice kFaultForeign[] = {{"latency", "the key is 'delay'"}, {"fixedDelay", "the key is 'delay'"},
                                    {"status", "the key is 'abort'"},  {"httpStatus", "the key is 'abort'"},
                                    {"error", "the key is 'abort'"},   {"percentage", "the key is 'share'"},
                                    {"percent", "the key is 'share'"}, {"probability", "the key is 'share'"}};

constexpr Known kSplit[] = {"to", "share", "headers"};
constexpr Advice kSplitForeign[] = {
    {"weight", "the key is 'share', a percentage: share: 10%"},
    {"percentage", "the key is 'share'"},
    {"percent", "the key is 'share'"},
    {"service", "the key is 'to'"},
    {"destination", "the key is 'to'"},
    {"match", "the key is 'headers'"},
};

constexpr Known kConcurrency[] = {"max", "per_caller", "queue"};
constexpr Advice kConcurrencyForeign[] = {
    {"limit", "the key is 'max'"},
    {"max_connections", "the key is 'max'"},
    {"max_requests", "the key is 'max'"},
    {"max_pending_requests", "the key is 'queue'"},
};

constexpr Known kUpdate[] = {"max_surge", "max_unavailable", "pause", "canary", "auto_rollback"};
constexpr Advice kUpdateForeign[] = {
    {"maxSurge", "the key is 'max_surge', a number of instances"},
    {"maxUnavailable", "the key is 'max_unavailable', a number of instances"},
    {"parallelism", "the keys are 'max_surge' and 'max_unavailable'"},
    {"delay", "the key is 'pause'"},
    {"minReadySeconds", "the key is 'pause'"},
    {"order", "'max_surge: 1' starts the new instance first, 'max_surge: 0' stops the old one first"},
    {"failure_action", "a revision that fails goes back by itself; 'auto_rollback' adds bounds on errors and latency"},
    {"monitor", "the key is 'over' in 'auto_rollback'"},
    {"auto_revert", "a revision that fails goes back by itself"},
};

constexpr Known kAutoRollback[] = {"errors", "p99", "over"};
constexpr Advice kAutoRollbackForeign[] = {
    {"error_rate", "the key is 'errors', a share of the requests"},
    {"latency", "the key is 'p99'"},
    {"interval", "the key is 'over'"},
};

constexpr Known kJob[] = {"retries", "timeout", "schedule"};
constexpr Advice kJobForeign[] = {
    {"backoffLimit", "the key is 'retries'"},
    {"attempts", "the key is 'retries', which counts the runs after the first"},
    {"activeDeadlineSeconds", "the key is 'timeout'"},
    {"cron", "the key is 'schedule'"},
    {"at", "the key is 'schedule'"},
    {"every", "the key is 'schedule', in the form of cron: \"*/5 * * * *\""},
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

constexpr Known kGateway[] = {"listen", "tls",  "tls_min_version", "redirect_http", "routes",     "limit",
                              "from",   "cors", "headers",         "max_request",   "max_answer", "auth"};
constexpr Advice kGatewayLater[] = {{"acme", "certificates from an ACME authority"}, {"scale", "several gateways"}};

constexpr Known kTls[] = {"cert", "key"};
constexpr Advice kTlsForeign[] = {{"certificate", "the key is 'cert'"}};

constexpr std::string_view kLimitKey = "the key is 'limit': limit: 20/s per address";
constexpr std::string_view kMaxRequestKey = "the key is 'max_request'";

constexpr Known kRoute[] = {"match",      "to",          "rewrite",    "timeout", "retries", "breaker", "outliers",
                            "slow_start", "fallback",    "faults",     "split",   "limit",   "from",    "cors",
                            "headers",    "max_request", "max_answer", "when",    "auth"};
constexpr Advice kRouteLater[] = {{"contract", "checking requests against a contract"}};
constexpr Advice kRouteForeign[] = {{"path", "write it inside 'match'"},
                                    {"host", "write it inside 'match'"},
                                    {"methods", "write it inside 'match'"},
                                    {"service", "the key is 'to'"},
                                    {"attempts", kRetriesKey},
                                    {"max_retries", kRetriesKey},
                                    {"num_retries", kRetriesKey},
                                    {"retry_policy", kRetriesKey},
                                    {"perTryTimeout", kPerTryKey},
                                    {"per_try_timeout", kPerTryKey},
                                    {"per_try", kPerTryKey},
                                    {"deadline", kTimeoutKey},
                                    {"request_timeout", kTimeoutKey},
                                    {"circuit_breaker", kBreakerKey},
                                    {"circuit_breakers", kBreakerKey},
                                    {"circuitBreaker", kBreakerKey},
                                    {"outlier_detection", kOutliersKey},
                                    {"outlierDetection", kOutliersKey},
                                    {"weight", kSplitKey},
                                    {"canary", kSplitKey},
                                    {"fault", kFaultsKey},
                                    {"delay", kFaultsKey},
                                    {"abort", kFaultsKey},
                                    {"concurrency",
                                     "it belongs to the service that answers: its key 'concurrency'; "
                                     "how many strangers may have at once is 'limit: 8 at once per address'"},
                                    {"rate_limit", kLimitKey},
                                    {"ratelimit", kLimitKey},
                                    {"rateLimit", kLimitKey},
                                    {"body_limit", kMaxRequestKey},
                                    {"max_body", kMaxRequestKey},
                                    {"client_max_body_size", kMaxRequestKey}};

constexpr Known kInclude[] = {"file", "prefix", "only", "with"};
constexpr Advice kIncludeForeign[] = {
    {"path", "the key is 'file'"},
    {"project_directory", "the paths of a file count from its own directory: remove it"},
    {"env_file", "variables are those of whoever runs bulkhead: remove it"},
    {"services", "the key is 'only'"},
};

constexpr Known kMatch[] = {"host", "path", "methods"};
constexpr Advice kMatchLater[] = {{"headers", "routing by header"}, {"query", "routing by query"}};
constexpr Advice kMatchForeign[] = {{"method", "the key is 'methods'"},
                                    {"prefix", "write it as 'path', ending in '/*'"}};

constexpr Known kOperators[] = {"viewer", "operator", "admin"};
constexpr Advice kOperatorsForeign[] = {
    {"viewers", "the key is 'viewer'"},     {"operators", "the key is 'operator'"}, {"admins", "the key is 'admin'"},
    {"owner", "the key is 'admin'"},        {"read", "the key is 'viewer'"},        {"write", "the key is 'operator'"},
    {"users", "a role is given to groups"},
};

constexpr Known kDebug[] = {"exec", "run", "forward"};
constexpr Advice kDebugForeign[] = {{"port-forward", "the key is 'forward'"}, {"port_forward", "the key is 'forward'"}};

constexpr std::string_view kBuildCommandKey = "the key is 'command'";
constexpr std::string_view kBuildInputsKey = "the key is 'inputs'";
constexpr std::string_view kBuildEnvironment =
    "a build has the environment of whoever runs `bulkhead up`: write NAME=value before the command";
constexpr Known kBuild[] = {"command", "dir", "inputs", "ignore"};
constexpr Advice kBuildForeign[] = {
    {"context", "a build is a command, run outside of the compartment; where it runs is 'dir'"},
    {"dockerfile", "a build is a command, run outside of the compartment: build: make"},
    {"args", kBuildEnvironment},
    {"env", kBuildEnvironment},
    {"environment", kBuildEnvironment},
    {"run", kBuildCommandKey},
    {"cmd", kBuildCommandKey},
    {"script", kBuildCommandKey},
    {"steps", kBuildCommandKey},
    {"sources", kBuildInputsKey},
    {"deps", kBuildInputsKey},
    {"watch", kBuildInputsKey},
    {"exclude", "the key is 'ignore'"},
    {"outputs", "what a build writes is seen: remove the key; files that change by themselves are for 'ignore'"},
};

constexpr Known kFrom[] = {"allow", "deny"};
constexpr Advice kFromForeign[] = {{"block", "the key is 'deny'"}, {"except", "the key is 'deny'"}};

constexpr std::string_view kOriginsKey = "the key is 'origins'";
constexpr Known kCors[] = {"origins", "methods", "headers", "expose", "credentials", "max_age"};
constexpr Advice kCorsForeign[] = {{"allow_origins", kOriginsKey},
                                   {"allow_origin", kOriginsKey},
                                   {"allowed_origins", kOriginsKey},
                                   {"allow_methods", "the key is 'methods'"},
                                   {"allow_headers", "the key is 'headers'"},
                                   {"expose_headers", "the key is 'expose'"},
                                   {"allow_credentials", "the key is 'credentials'"}};

constexpr Known kAuth[] = {"by", "optional", "scopes"};
constexpr Advice kAuthForeign[] = {{"provider", "the key is 'by'"},
                                   {"providers", "the key is 'by'"},
                                   {"scope", "the key is 'scopes'"},
                                   {"required", "who is asked for is required unless 'optional: true' is written"}};

constexpr std::string_view kJwksFile =
    "the key is 'jwks', a file or a URL; left out, the issuer says where its keys are";
constexpr Known kProvider[] = {"issuer", "audience", "jwks",     "hosts",
                               "rsa",    "claims",   "api_keys", "client_certificates"};
constexpr Advice kProviderForeign[] = {
    {"discovery", kJwksFile},
    {"iss", "the key is 'issuer'"},
    {"aud", "the key is 'audience'"},
    {"audiences", "the key is 'audience'"},
    {"jwks_uri", kJwksFile},
    {"jwks_url", kJwksFile},
    {"keys", "the key is 'jwks'"},
    {"certificates", "the key is 'client_certificates'"},
    {"ca", "the key is 'client_certificates': {ca: FILE}"},
    {"algorithm", "a key says its algorithm itself; for RSA keys that do not, the key is 'rsa'"},
    {"algorithms", "a key says its algorithm itself; for RSA keys that do not, the key is 'rsa'"}};

constexpr Known kApiKey[] = {"hash", "scopes", "expires", "limit"};
constexpr Advice kApiKeyForeign[] = {
    {"key", "a key does not stand in a manifest: `bulkhead api-key` makes one and prints its 'hash'"},
    {"secret", "a key does not stand in a manifest: `bulkhead api-key` makes one and prints its 'hash'"},
    {"scope", "the key is 'scopes'"},
    {"limits", "the key is 'limit'"},
    {"rate", "the key is 'limit'"}};

constexpr Known kClientCertificates[] = {"ca", "subject"};
constexpr Advice kClientCertificatesForeign[] = {
    {"anchors", "the key is 'ca'"},
    {"cert", "the key is 'ca', of those who sign them; a client's own certificate is in no manifest"},
    {"crl", "nobody is asked whether a certificate was revoked: let them be short-lived"},
    {"user", "the key is 'subject'"}};

constexpr Known kContract[] = {"file", "response", "max_body"};
constexpr Advice kContractForeign[] = {{"openapi", "the key is 'file'"},
                                       {"path", "the key is 'file'"},
                                       {"responses", "the key is 'response'"},
                                       {"answers", "the key is 'response'"}};

constexpr std::string_view kNoValue =
    "a secret's value has no place in a manifest: write it into a file and say which, {file: PATH}";
constexpr std::string_view kSecretFile = "a secret is in a file, a directory or the environment of `bulkhead up`";
constexpr Known kSecret[] = {"file", "environment", "directory"};
constexpr Advice kSecretForeign[] = {
    {"value", kNoValue},
    {"content", kNoValue},
    {"data", kNoValue},
    {"text", kNoValue},
    {"env", "the key is 'environment'"},
    {"variable", "the key is 'environment'"},
    {"path", "the key is 'file' or 'directory'"},
    {"dir", "the key is 'directory'"},
    {"external", kSecretFile},
    {"name", "a secret has the name of its key; another one inside is 'target' of the service's entry"},
    {"driver", kSecretFile},
};

constexpr Known kGrantedSecret[] = {"source", "target", "env", "signal", "mode"};
constexpr Advice kGrantedSecretForeign[] = {
    {"name", "the key is 'source'"},
    {"file", "where a secret comes from stands at the top, in 'secrets' of the manifest"},
    {"environment", "a variable that holds it inside is 'env'"},
    {"uid", "it is the service's own: remove it"},
    {"gid", "it is the service's own: remove it"},
    {"reload", "the key is 'signal'"},
    {"on_change", "the key is 'signal'"},
};

constexpr Known kTelemetry[] = {"keep", "max_size", "export"};
constexpr Advice kTelemetryForeign[] = {
    {"retention", "the key is 'keep'"},
    {"max_age", "the key is 'keep'"},
    {"size", "the key is 'max_size'"},
    {"otlp", "the key is 'export'"},
    {"exporter", "the key is 'export'"},
    {"exporters", "the key is 'export': one backend, which may be a collector that hands on to several"},
    {"endpoint", "write it as 'url' inside 'export': export: {url: https://otlp.example}"},
    {"sampling", "every call is kept until its stretch is sealed, and every error, refusal and slow call after that"},
    {"prometheus", "Prometheus asks the console's address: `bulkhead console --token 90` prints it a token"},
};

constexpr Known kTelemetryExport[] = {"url", "headers", "ca", "signals"};
constexpr Advice kTelemetryExportForeign[] = {
    {"endpoint", "the key is 'url'"},
    {"to", "the key is 'url'"},
    {"protocol", "it is OTLP over HTTP, in protobuf: remove the key"},
    {"insecure", "https is verified; on this machine alone http is possible: url: http://localhost:4318"},
    {"insecure_skip_verify", "https is verified: name whom it chains to, ca: FILE"},
    {"tls", "an https 'url' is TLS; an authority of your own is 'ca'"},
    {"ca_file", "the key is 'ca'"},
    {"compression", "it is gzip always: remove the key"},
    {"token", "write it as a header: headers: {authorization: NAME_OF_A_SECRET}"},
    {"api_key", "write it as a header: headers: {x-api-key: NAME_OF_A_SECRET}"},
};

constexpr Keys kKeys[] = {
    {"manifest", kManifest, kManifestLater, kManifestForeign},
    {"service", kService, kServiceLater, kServiceForeign},
    {"port", kPort, {}, kPortForeign},
    {"call", kCall, kCallLater, kCallForeign},
    {"mount", kMount, {}, kMountForeign},
    {"limits", kLimits, {}, kLimitsForeign},
    {"healthcheck", kHealthcheck, {}, kHealthcheckForeign},
    {"dependency", kDependency, {}, kDependencyForeign},
    {"gateway", kGateway, kGatewayLater, {}},
    {"tls", kTls, {}, kTlsForeign},
    {"route", kRoute, kRouteLater, kRouteForeign},
    {"match", kMatch, kMatchLater, kMatchForeign},
    {"retries", kRetries, {}, kRetriesForeign},
    {"breaker", kBreaker, {}, kBreakerForeign},
    {"outliers", kOutliers, {}, kOutliersForeign},
    {"fallback", kFallback, {}, kFallbackForeign},
    {"fault", kFault, {}, kFaultForeign},
    {"split", kSplit, {}, kSplitForeign},
    {"concurrency", kConcurrency, {}, kConcurrencyForeign},
    {"update", kUpdate, {}, kUpdateForeign},
    {"auto_rollback", kAutoRollback, {}, kAutoRollbackForeign},
    {"job", kJob, {}, kJobForeign},
    {"operators", kOperators, {}, kOperatorsForeign},
    {"debug", kDebug, {}, kDebugForeign},
    {"include", kInclude, {}, kIncludeForeign},
    {"build", kBuild, {}, kBuildForeign},
    {"from", kFrom, {}, kFromForeign},
    {"cors", kCors, {}, kCorsForeign},
    {"auth", kAuth, {}, kAuthForeign},
    {"provider", kProvider, {}, kProviderForeign},
    {"api_key", kApiKey, {}, kApiKeyForeign},
    {"client_certificates", kClientCertificates, {}, kClientCertificatesForeign},
    {"contract", kContract, {}, kContractForeign},
    {"secret", kSecret, {}, kSecretForeign},
    {"secret of a service", kGrantedSecret, {}, kGrantedSecretForeign},
    {"deny rule", kDeny, {}, kDenyForeign},
    {"telemetry", kTelemetry, {}, kTelemetryForeign},
    {"export of telemetry", kTelemetryExport, {}, kTelemetryExportForeign},
};
static_assert(std::size(kKeys) == kSections.size());

}  // namespace

const Keys& keys_of(Section section) { return kKeys[static_cast<std::size_t>(section)]; }

}  // namespace bulkhead::manifest
