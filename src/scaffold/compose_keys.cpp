#include "scaffold/compose_keys.hpp"

#include <algorithm>

namespace bulkhead::scaffold {

namespace {

constexpr std::string_view kConverted;
constexpr std::string_view kSealed = "every service is sealed alike, with no capability and no device";
constexpr std::string_view kNamespaces = "each service has namespaces of its own, and none is shared";
constexpr std::string_view kBuildOnly = "no image is built: the program runs from the folder";
constexpr std::string_view kLabels = "it describes a container, and there is none";
constexpr std::string_view kNames =
    "names resolve in each compartment to the services that it calls, and to nothing else";
constexpr std::string_view kCpuShare = "'limits: {cpu: N}' bounds the processors; nothing else divides them";
constexpr std::string_view kNoDaemon = "it is for the container engine";
constexpr std::string_view kReserve = "one host runs everything: there is nothing to reserve";
constexpr std::string_view kUser = "every service runs as a user of its own, uid 1000 inside";
constexpr std::string_view kPlacement = "one host runs everything: there is nowhere else to place it";

constexpr ComposeKey kFile[] = {
    {"name", kConverted},
    {"services", kConverted},
    {"volumes", "a service keeps what it writes in /data, a volume of its own"},
    {"secrets", kConverted},
    {"configs", kConverted},
    {"networks", "there are no networks: 'calls' says who reaches whom"},
    {"version", "a manifest carries no version"},
    {"include", "only this file was read: convert the other one as well, and put its services in"},
    {"models", "no model is provided: run it as a service of its own"},
};

constexpr ComposeKey kService[] = {
    {"annotations", kLabels},
    {"attach", "'bulkhead logs' shows every service"},
    {"blkio_config", "disk traffic is not bounded"},
    {"build", kConverted},
    {"cap_add", kSealed},
    {"cap_drop", "no service has a capability anyway"},
    {"cgroup", kNamespaces},
    {"cgroup_parent", "each instance has a control group of its own"},
    {"command", kConverted},
    {"configs", kConverted},
    {"container_name", kConverted},
    {"cpu_count", kCpuShare},
    {"cpu_percent", kCpuShare},
    {"cpu_period", kCpuShare},
    {"cpu_quota", kCpuShare},
    {"cpu_rt_period", kCpuShare},
    {"cpu_rt_runtime", kCpuShare},
    {"cpu_shares", kCpuShare},
    {"cpus", kConverted},
    {"cpuset", kCpuShare},
    {"credential_spec", kNoDaemon},
    {"depends_on", kConverted},
    {"deploy", kConverted},
    {"develop",
     "an edit is not synchronised: the program runs from the folder, and 'bulkhead restart SERVICE' starts it again"},
    {"device_cgroup_rules", kSealed},
    {"devices", kSealed},
    {"dns", kNames},
    {"dns_opt", kNames},
    {"dns_search", kNames},
    {"domainname", kNames},
    {"driver_opts", kNoDaemon},
    {"entrypoint", kConverted},
    {"env_file", kConverted},
    {"environment", kConverted},
    {"expose", kConverted},
    {"extends", "only this file was read: what it extends has to be put in by hand"},
    {"external_links", "what it names is not part of this file: a host outside is declared under 'egress'"},
    {"extra_hosts", "a host outside is declared under 'egress', by its own name or address"},
    {"gpus", kSealed},
    {"group_add", kUser},
    {"healthcheck", kConverted},
    {"hostname", kConverted},
    {"image", kConverted},
    {"init", "every compartment has a process 1 that collects orphans"},
    {"ipc", kNamespaces},
    {"isolation", kNoDaemon},
    {"label_file", kLabels},
    {"labels", kConverted},
    {"links", kConverted},
    {"logging", "'bulkhead logs' shows what it writes; the files are rotated"},
    {"mac_address", "a compartment has loopback and nothing else"},
    {"mem_limit", kConverted},
    {"mem_reservation", kReserve},
    {"mem_swappiness", "only 'limits: {memory: ...}' bounds memory"},
    {"memswap_limit", "only 'limits: {memory: ...}' bounds memory"},
    {"models", "no model is provided: run it as a service of its own"},
    {"net", "the older word for network_mode: a service's only network is its sidecar"},
    {"network_mode", "a service's only network is its sidecar: 'calls' and 'egress' say whom it reaches"},
    {"networks", kConverted},
    {"oom_kill_disable", "a service above its memory is killed and started again"},
    {"oom_score_adj", "a service above its memory is killed and started again"},
    {"pid", kNamespaces},
    {"pids_limit", kConverted},
    {"platform", "programs are those of this host"},
    {"ports", kConverted},
    {"post_start", "nothing runs beside the program: a job ('type: job') can run before others"},
    {"pre_stop", "nothing runs beside the program: it is asked to end by SIGTERM"},
    {"privileged", "no service is privileged"},
    {"profiles", kConverted},
    {"provider", "no outside program provides a service"},
    {"pull_policy", "no image is fetched"},
    {"read_only", "the root is read-only anyway, but for /data and /tmp"},
    {"restart", "a service is always started again, with growing waits; a job never"},
    {"runtime", kNoDaemon},
    {"scale", kConverted},
    {"secrets", kConverted},
    {"security_opt", "every service is sealed alike; there is nothing to relax"},
    {"shm_size", "/dev/shm holds 64 MiB"},
    {"stdin_open", "a service has no input"},
    {"stop_grace_period", kConverted},
    {"stop_signal", "a service is asked to end by SIGTERM"},
    {"storage_opt", kNoDaemon},
    {"sysctls", "kernel settings of a compartment cannot be changed"},
    {"tmpfs", "/tmp and /dev/shm are private and hold 64 MiB each; elsewhere only /data can be written"},
    {"tty", "a service has no terminal"},
    {"ulimits", kConverted},
    {"use_api_socket", "sockets of the host lead past the sidecar"},
    {"user", kUser},
    {"userns_mode", kNamespaces},
    {"uts", kNamespaces},
    {"volume_driver", "a service keeps what it writes in /data, a volume of its own"},
    {"volumes", kConverted},
    {"volumes_from", "each service has a volume of its own: what two share comes from the host by 'mounts'"},
    {"working_dir", kConverted},
};

constexpr ComposeKey kBuild[] = {
    {"additional_contexts", kBuildOnly},
    {"args", kBuildOnly},
    {"cache_from", kBuildOnly},
    {"cache_to", kBuildOnly},
    {"context", kConverted},
    {"dockerfile", kConverted},
    {"dockerfile_inline", kConverted},
    {"entitlements", kBuildOnly},
    {"extra_hosts", kBuildOnly},
    {"isolation", kBuildOnly},
    {"labels", kBuildOnly},
    {"network", kBuildOnly},
    {"no_cache", kBuildOnly},
    {"no_cache_filter", kBuildOnly},
    {"platforms", kBuildOnly},
    {"privileged", kBuildOnly},
    {"provenance", kBuildOnly},
    {"pull", kBuildOnly},
    {"sbom", kBuildOnly},
    {"secrets", kBuildOnly},
    {"shm_size", kBuildOnly},
    {"ssh", kBuildOnly},
    {"tags", kBuildOnly},
    {"target", kConverted},
    {"ulimits", kBuildOnly},
};

constexpr ComposeKey kDeploy[] = {
    {"endpoint_mode", "every caller's sidecar balances between the instances itself"},
    {"labels", kLabels},
    {"mode", "'scale' says how many instances run"},
    {"placement", kPlacement},
    {"replicas", kConverted},
    {"resources", kConverted},
    {"restart_policy", "a service is always started again, with growing waits; a job never"},
    {"rollback_config", "'bulkhead up' applies a changed manifest"},
    {"update_config", "'bulkhead up' applies a changed manifest"},
};

constexpr ComposeKey kResources[] = {{"limits", kConverted}, {"reservations", kConverted}};
constexpr ComposeKey kLimits[] = {{"cpus", kConverted},
                                  {"memory", kConverted},
                                  {"pids", kConverted},
                                  {"devices", kSealed},
                                  {"generic_resources", kPlacement}};
constexpr ComposeKey kReservations[] = {
    {"cpus", kReserve}, {"memory", kReserve}, {"devices", kSealed}, {"generic_resources", kPlacement}};

constexpr ComposeKey kHealthcheck[] = {
    {"disable", kConverted},
    {"interval", kConverted},
    {"retries", kConverted},
    {"start_interval", "until it is ready it is asked at once, then with growing waits up to the interval"},
    {"start_period", kConverted},
    {"test", kConverted},
    {"timeout", kConverted},
};

constexpr ComposeKey kDependency[] = {
    {"condition", kConverted},
    {"required", "every dependency is required"},
    {"restart", "a dependency that fails is started again by itself, and its callers find it again"},
};

constexpr ComposeKey kNetwork[] = {
    {"aliases", kConverted},
    {"driver_opts", kNoDaemon},
    {"gw_priority", kNames},
    {"interface_name", kNames},
    {"ipv4_address", "a name's address is the platform's to give"},
    {"ipv6_address", "a name's address is the platform's to give"},
    {"link_local_ips", "a name's address is the platform's to give"},
    {"mac_address", "a compartment has loopback and nothing else"},
    {"priority", kNames},
};

constexpr ComposeKey kPort[] = {
    {"app_protocol", kConverted}, {"host_ip", kConverted},
    {"mode", kPlacement},         {"name", "a port here has its number for a name"},
    {"protocol", kConverted},     {"published", kConverted},
    {"target", kConverted},
};

constexpr ComposeKey kVolume[] = {
    {"bind", "a path of the host is mounted as it is"},
    {"consistency", kNoDaemon},
    {"image", kBuildOnly},
    {"read_only", kConverted},
    {"source", kConverted},
    {"target", kConverted},
    {"tmpfs", "/tmp and /dev/shm are private and hold 64 MiB each"},
    {"type", kConverted},
    {"volume", "a service keeps what it writes in /data, a volume of its own"},
};

constexpr ComposeKey kConfig[] = {
    {"gid", "the file keeps its owner on the host"},
    {"mode", "the file keeps its permissions on the host"},
    {"source", kConverted},
    {"target", kConverted},
    {"uid", "the file keeps its owner on the host"},
};

constexpr ComposeKey kConfigSource[] = {
    {"content", "a text of the Compose file is no file: write it to one"},
    {"driver", kNoDaemon},
    {"driver_opts", kNoDaemon},
    {"environment", "a variable is no file: write it to one"},
    {"external", "it lies outside of this file: bring it as a file of the host"},
    {"file", kConverted},
    {"labels", kLabels},
    {"name", kNoDaemon},
    {"template_driver", kNoDaemon},
};

constexpr ComposeKey kSecret[] = {
    {"gid", "its files are the service's own"}, {"mode", kConverted}, {"source", kConverted}, {"target", kConverted},
    {"uid", "its files are the service's own"},
};

constexpr ComposeKey kSecretSource[] = {
    {"content", "a secret has no place in a manifest: write it to a file"},
    {"driver", kNoDaemon},
    {"driver_opts", kNoDaemon},
    {"environment", kConverted},
    {"external", "it lies outside of this file: bring it as a file of the host"},
    {"file", kConverted},
    {"labels", kLabels},
    {"name", kNoDaemon},
    {"template_driver", kNoDaemon},
};

}  // namespace

std::span<const ComposeKey> compose_keys(ComposePart part) {
  switch (part) {
    case ComposePart::file: return kFile;
    case ComposePart::service: return kService;
    case ComposePart::build: return kBuild;
    case ComposePart::deploy: return kDeploy;
    case ComposePart::resources: return kResources;
    case ComposePart::limits: return kLimits;
    case ComposePart::reservations: return kReservations;
    case ComposePart::healthcheck: return kHealthcheck;
    case ComposePart::dependency: return kDependency;
    case ComposePart::network: return kNetwork;
    case ComposePart::port: return kPort;
    case ComposePart::volume: return kVolume;
    case ComposePart::config: return kConfig;
    case ComposePart::config_source: return kConfigSource;
    case ComposePart::secret: return kSecret;
    case ComposePart::secret_source: return kSecretSource;
  }
  return {};
}

const ComposeKey* compose_key(ComposePart part, std::string_view name) {
  auto keys = compose_keys(part);
  auto found = std::ranges::find(keys, name, &ComposeKey::name);
  return found == keys.end() ? nullptr : &*found;
}

}  // namespace bulkhead::scaffold
