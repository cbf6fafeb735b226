#pragma once

// What one keeper is told about its instance. It reaches the keeper as strict JSON through an inherited descriptor,
// never in argv (where every process of the host could read it). Plain data; no clock, no I/O.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.hpp"
#include "compartments/cgroup.hpp"

namespace bulkhead::compartments {

// Paths that a service can rely on; documented in docs/manifest.md.
inline constexpr std::string_view kServiceDirectory = "/app";  // the manifest's `dir`, read-only
inline constexpr std::string_view kDataDirectory = "/data";    // the service's volume and HOME; outlives restarts
inline constexpr std::string_view kSecretsDirectory = "/run/secrets";

// Ids inside the compartment. 0 is the trusted init (the launcher outside), 1000 the service (a host uid of its own).
inline constexpr unsigned kServiceId = 1000;

// How the compartment's ids become the host's.
enum class IdMapping : std::uint8_t {
  direct,  // the launcher is root: the keeper writes the maps
  helper,  // newuidmap and newgidmap with the launcher's subordinate range
  single,  // no subordinate ids: launcher and service are one uid (shown as not enforced)
};

struct Ids {
  IdMapping mapping = IdMapping::single;
  std::uint32_t service_uid = 0;  // on the host; without meaning when `single`
  std::uint32_t service_gid = 0;
  bool operator==(const Ids&) const = default;
};

// One address and port that the service may dial; a connection to it is taken by the transparent door, whose accepted
// sockets say by getsockname which one was meant. `at: localhost:4001` is {127.0.0.1, 4001} and {::1, 4001}
// (the kernel turns a dial of 0.0.0.0 or :: into these two).
struct Door {
  std::string address;  // IPv4 or IPv6, numeric
  std::uint16_t port = 0;
  bool operator==(const Door&) const = default;
};

struct HostName {
  std::string address;
  std::vector<std::string> names;
  bool operator==(const HostName&) const = default;
};

struct MountPoint {
  std::string source;  // absolute, on the host
  std::string target;  // absolute, inside
  bool writable = false;
  bool operator==(const MountPoint&) const = default;
};

// A file below kSecretsDirectory.
struct SecretFile {
  std::string secret;   // whose content it is, as logs say where it stood
  std::string path;     // "db_password", or of a directory "certs/key.pem"
  std::string content;  // any octets
  std::uint32_t mode = 0400;
  std::uint32_t signal = 0;  // what the service is told when it has changed; 0: nothing
  bool operator==(const SecretFile&) const = default;
};

// Of all files of one compartment together.
inline constexpr std::size_t kMostSecretOctets = 1U << 20U;
inline constexpr std::size_t kMostSecretFiles = 256;

struct Compartment {
  Ids ids;
  std::vector<std::string> command;  // argv; argv[0] is searched in PATH, or relative to /app if it has a slash;
                                     // empty: a process that only waits, for what operators run there (guests.hpp)
  std::map<std::string, std::string>
      environment;        // whole: nothing of the keeper's is added but HOME, PATH, USER if absent
  std::string directory;  // bound read-only at /app; empty: an empty /app
  std::string data;       // bound at /data; made and given to the service's uid if absent
  std::string rootfs;     // instead of the host's /usr; empty: the host's
  std::string start_in = std::string(kServiceDirectory);  // the working directory, inside
  std::string user = "service";                           // what id 1000 is called inside
  std::vector<MountPoint> mounts;
  std::vector<SecretFile> secrets;  // they may change while it runs (secret_files.hpp)
  std::string hostname;
  std::vector<HostName> hosts;  // lines of /etc/hosts after localhost and the own hostname
  std::vector<Door> doors;
  std::uint64_t tmp_bytes = 64U << 20U;  // bound of /tmp and of /dev/shm, each
  std::uint64_t open_files = 65536;      // RLIMIT_NOFILE, lowered to the launcher's hard limit
  Limits limits;
  std::vector<CgroupDirectory>
      cgroups;  // from plan_cgroups(); made by the keeper, removed by it or by remove_cgroups()
  bool operator==(const Compartment&) const = default;
};

// A listening socket that the keeper inherited; it holds it for the instance's life and gives a duplicate to the
// sidecar.
struct Listener {
  std::string name;  // as in the sidecar's hello: "listen:0"
  int fd = -1;
  bool operator==(const Listener&) const = default;
};

struct SidecarSpec {
  std::vector<std::string> argv;                   // argv[0] is an absolute path
  std::map<std::string, std::string> environment;  // whole
  std::optional<std::uint32_t> uid, gid;  // changed to when the keeper is root; supplementary groups are cleared
  std::string hello;                      // a JSON object; its members go into the hello message as they are
  bool operator==(const SidecarSpec&) const = default;
};

struct LogSpec {
  std::string path;                     // JSON lines {"time","stream","line"}; rotated to path.1 … path.<files-1>
  std::uint64_t max_bytes = 8U << 20U;  // of one file
  unsigned files = 3;                   // the current one included
  bool operator==(const LogSpec&) const = default;
};

struct Spec {
  std::string instance;           // unique on this host; letters, digits, '-', '_', '.', '/'
  std::string controller_socket;  // Unix stream socket; empty: nobody is told
  LogSpec log;
  SidecarSpec sidecar;
  std::vector<Listener> listeners;
  std::optional<Compartment> compartment;  // absent: a gateway
  std::uint32_t ready_ms = 30'000;         // sealed and sidecar ready within this, or the instance ends
  std::uint32_t drain_ms = 10'000;         // the sidecar's inbound drain on stop
  std::uint32_t grace_ms = 10'000;         // between SIGTERM and SIGKILL, unless the stop message says otherwise
  std::uint32_t finish_ms = 5'000;         // the sidecar's own end
  bool operator==(const Spec&) const = default;
};

// Unknown, duplicate or missing members, wrong types and values out of range are Cause::invalid and name the member.
Result<Spec> parse_spec(std::string_view json);
std::string to_json(const Spec& spec);

// The member `secrets`, also alone. A content need not be text: each of its octets is the character of that number.
Result<std::vector<SecretFile>> parse_secrets(const nlohmann::json& list);
nlohmann::json to_json(const std::vector<SecretFile>& secrets);

}  // namespace bulkhead::compartments
