#pragma once

#include <string>

#include "base/result.hpp"

// Where the files of one application are. As root: /var/lib/bulkhead/APP and /run/bulkhead/APP; as an ordinary user
// $XDG_STATE_HOME/bulkhead/APP (~/.local/state) and $XDG_RUNTIME_DIR/bulkhead/APP (or /tmp/bulkhead-UID/APP). Where
// BULKHEAD_DIR is set, both are below it: BULKHEAD_DIR/state/APP and BULKHEAD_DIR/run/APP.
namespace bulkhead::control {

struct Places {
  std::string state;  // survives a reboot: CA, volumes, logs, records, what is desired
  std::string run;    // does not: sockets, locks, who runs

  std::string ca() const { return state + "/ca"; }
  std::string desired() const { return state + "/desired.json"; }
  std::string volume(const std::string& service) const { return state + "/volumes/" + service; }
  std::string log(const std::string& instance) const { return state + "/logs/" + instance + ".log"; }
  std::string records(const std::string& instance) const { return state + "/records/" + instance; }
  std::string instances() const { return run + "/instances.json"; }
  std::string control_socket() const { return run + "/control.sock"; }
  std::string keepers_socket() const { return run + "/keepers.sock"; }
  std::string sidecars_socket() const { return run + "/sidecars.sock"; }
  std::string doors() const {
    return run + "/d";
  }  // the sidecars' inner doors; short, as a socket's path has 108 bytes
  std::string platform_log() const { return state + "/logs/platform.log"; }
};

// The places of `app`, for this process's user and environment.
Places places_of(const std::string& app);

// Above the places of every application of this user.
std::string state_base();
std::string run_base();

// Makes the directories. A launcher that is root gives those that sidecars write to the uid `platform_uid`; every
// other is 0700 (0711 where a sidecar has to pass through). Refuses directories that somebody else owns.
Result<> make_places(const Places& places, unsigned platform_uid);

}  // namespace bulkhead::control
