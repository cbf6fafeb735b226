#pragma once

#include <string>

#include "base/result.hpp"

// Where the files of one application are. As root: /var/lib/bulkhead/APP and /run/bulkhead/APP; as an ordinary user
// $XDG_STATE_HOME/bulkhead/APP (~/.local/state) and $XDG_RUNTIME_DIR/bulkhead/APP (or /tmp/bulkhead-UID/APP). Where
// BULKHEAD_DIR is set, both are below it: BULKHEAD_DIR/state/APP and BULKHEAD_DIR/run/APP.
namespace bulkhead::control {

struct Places {
  std::string state;  // survives a reboot: CA, users' keys, volumes, logs, records, what is desired
  std::string run;    // does not: sockets, locks, who runs

  std::string ca() const { return state + "/ca"; }
  std::string secrets_key() const { return state + "/secrets.key"; }
  std::string users() const { return state + "/users"; }
  std::string desired() const { return state + "/desired.json"; }
  std::string history() const { return state + "/history"; }
  std::string programs() const { return state + "/programs"; }
  std::string volume(const std::string& service) const { return state + "/volumes/" + service; }
  std::string logs() const { return state + "/logs"; }
  std::string log(const std::string& instance) const { return logs() + "/" + instance + ".log"; }
  std::string records(const std::string& instance) const { return state + "/records/" + instance; }
  std::string telemetry() const { return state + "/telemetry"; }
  std::string instances() const { return run + "/instances.json"; }
  std::string control_socket() const { return run + "/control.sock"; }
  // Each group that has a role gets a directory of its own, which only its members pass, with a socket in it.
  std::string operators() const { return run + "/operators"; }
  std::string operators_of(unsigned group) const { return operators() + "/" + std::to_string(group); }
  std::string operators_socket(unsigned group) const { return operators_of(group) + "/control.sock"; }
  std::string keepers_socket() const { return run + "/keepers.sock"; }
  std::string sidecars_socket() const { return run + "/sidecars.sock"; }
  std::string doors() const {
    return run + "/d";
  }  // the sidecars' inner doors; short, as a socket's path has 108 bytes
  std::string collector_socket() const { return doors() + "/collector"; }
  std::string otlp_socket() const { return doors() + "/otlp"; }
  std::string platform_log() const { return logs() + "/platform.log"; }
  std::string audit() const { return state + "/audit.jsonl"; }
};

// The places of `app`, for this process's user and environment.
Places places_of(const std::string& app);

// The places of the `app` that this process can speak to: its own, or where it has none that of root, if a group of
// this process has a role there.
Places places_to_reach(const std::string& app);

// The socket that this process may speak to: the launcher's, or that of a group of its own. Empty: there is none.
std::string socket_to_reach(const Places& places);

// Makes the directory and the socket's place for a group, 0710 and the group's. An ordinary launcher can give it only
// to groups that it is a member of.
Result<> make_operators_place(const Places& places, unsigned group);
// Whether other users can pass every directory above `path`.
Result<> check_passage(const std::string& path, std::string_view who);
// Above the places of every application of this user.
std::string state_base();
std::string run_base();
// What this user can do without: BULKHEAD_DIR/cache, /var/cache/bulkhead as root, $XDG_CACHE_HOME/bulkhead (~/.cache).
std::string cache_base();

// Makes the directories. A launcher that is root gives those that sidecars write to the uid `platform_uid`; every
// other is 0700 (0711 where a sidecar has to pass through). Refuses directories that somebody else owns.
Result<> make_places(const Places& places, unsigned platform_uid);

}  // namespace bulkhead::control
