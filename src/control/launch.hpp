#pragma once

#include <set>
#include <string>
#include <vector>

#include "compartments/cgroup.hpp"
#include "compartments/spec.hpp"
#include "control/fleet.hpp"
#include "control/places.hpp"
#include "control/secrets.hpp"
#include "manifest/application.hpp"
#include "policy/model.hpp"

// From the manifest to what the keeper of one instance is told, and to what the fleet is to keep running.
namespace bulkhead::control {

// Of a text, 16 hexadecimal digits. Not for what somebody may forge.
std::string hash_of(const std::string& text);

// A path of the manifest, which counts from `directory`; "~/" is the home of this process's user.
std::string absolute_path(const std::string& directory, const std::string& path);

// What all instances of an application have in common.
struct Launcher {
  Places places;
  std::string executable;          // absolute path of this program
  std::string directory;           // of the manifest
  std::uint32_t platform_uid = 0;  // sidecars run as it where the launcher is root
  bool root = false;
};

// For this process's user. Sidecars of a root launcher run as a uid of their application, above those of services.
Launcher launcher_for(const std::string& app, const std::string& executable);

compartments::Limits limits_of(const manifest::Limits& limits);

// The service's host ids; the same at every start.
Result<compartments::Ids> ids_of(const Launcher& launcher, const manifest::Application& application,
                                 const std::string& service);

// Everything but its secrets, and what differs between two starts of the same instance (its cgroups, the epoch).
compartments::Spec sidecar_spec(const Launcher& launcher, const manifest::Application& application,
                                const policy::Model& model, const manifest::Service& service,
                                const std::string& instance, const compartments::Ids& ids);
// What the service's programs may dial, by address and port. It may change while an instance runs.
std::vector<compartments::Door> doors_of(const policy::Model& model, const std::string& service);
compartments::Spec gateway_spec(const Launcher& launcher, const manifest::Application& application,
                                const std::string& instance);
compartments::Spec collector_spec(const Launcher& launcher, const manifest::Application& application,
                                  const std::string& instance);

// Where the sidecar of this instance listens: below the run directory, short.
std::string door_address(const Places& places, const std::string& instance);

// Where the gateway listens, in the order of its sockets: "127.0.0.1:8080", "[::1]:8443".
std::vector<std::string> gateway_addresses(const manifest::Gateway& gateway);

// The name of an instance's control groups: nobody else's on this host, as whoever removes a group kills what is in it.
std::string group_name(const Launcher& launcher, const std::string& app, const std::string& instance);

Goal collector_goal(const manifest::Application& application);

// What the fleet keeps running: a goal for each service and one for the gateway. A goal's revision changes exactly
// where an instance must be replaced for the change to take effect.
std::vector<Goal> goals_of(const Launcher& launcher, const manifest::Application& application,
                           const policy::Model& model, const SecretContents& secrets);

}  // namespace bulkhead::control
