#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "compartments/cgroup.hpp"
#include "compartments/spec.hpp"
#include "control/fleet.hpp"
#include "control/trial.hpp"
#include "net/frames.hpp"
#include "net/process.hpp"
#include "policy/model.hpp"

namespace bulkhead::control {

// One sidecar or gateway, of an instance that may have two: the one that serves, and beside it the one that is to
// follow or the one that was followed (compartments/succession.hpp).
struct SidecarPeer {
  net::ProcessIdentity process;          // pid -1: none
  net::FrameChannel* channel = nullptr;  // of the connection that stands now; its coroutine owns it
  std::string build;                     // build_id() as it told
  std::optional<bool> token_seals;       // whether it verifies them; nothing until it has told
  std::string export_problem;            // the collector: why its export fails; "" it does not
  std::string told;                      // a collector: the hash of what it was told last; a gateway: of its tokens
  std::string sent_hash;                 // of the last snapshot that it was sent on this connection
  std::string applied_hash;              // of the last one there that it said it goes by
  nlohmann::json stats;                  // as it last sent them
  bool gone = false;                     // its process has ended; what it said last may not be read yet

  // Whether a process is there that does not go by what it is to go by.
  bool is_behind() const {
    const bool applied = channel != nullptr && !sent_hash.empty() && applied_hash == sent_hash;
    return process.pid > 0 && !gone && !applied;
  }
};

// What the controller knows of the instance that runs in a slot. It begins with the start of a keeper and ends with its
// end; another start in the same slot is another Runtime with a higher epoch.
struct Runtime {
  std::string id;  // of the slot
  std::string service;
  std::uint64_t epoch = 0;
  bool adopted = false;  // a controller before this one, of whichever build, has started it
  net::ProcessIdentity keeper;
  std::string keeper_build;
  std::string keeper_stays;              // why it did not become another build when it was told to
  bool has_init = false;                 // a compartment, with a process 1
  std::string init_build;                // "": not known, of a keeper of a former build
  std::optional<std::string> init_told;  // what its keeper said last of its becoming another; "" where it did
  SidecarPeer sidecar;                   // none until the keeper has told
  SidecarPeer other;
  std::string succession;          // what the keeper said last of it: "starting", "serving", "retired", "failed"
  std::string succession_problem;  // why it failed
  std::string address;             // of the inner door
  std::vector<compartments::CgroupDirectory> cgroups;

  Fd keeper_pidfd;
  net::FrameChannel* keeper_channel = nullptr;  // of the connection that stands now; its coroutine owns it
  std::string keeper_state;
  int service_pid = -1;
  std::vector<NotEnforced> not_enforced;
  std::vector<compartments::Door> doors;  // that its keeper was told of last; none for one that was adopted
  std::string secrets_told;               // the version of its secrets that its keeper was told of last; "" for one
                                          // that was adopted
  std::string secrets_problem;            // why its compartment could not take the last one; "" if it did
  std::string doors_problem;              // why its compartment could not take the last ones; "" if it did
  std::string rejected;                   // why it refused the last one; "" if it did not
  std::string serial;
  std::int64_t not_before = 0;  // of its current certificate, seconds since the epoch
  std::int64_t not_after = 0;
  Trial trial;  // of a revision that is not proven

  // Whose connection this is; null where it is nobody's any more.
  SidecarPeer* peer_of(const net::FrameChannel& channel);
  // Whether some requests still go by what was before. The collector takes no requests of others.
  bool is_behind() const { return service != policy::kCollector && (sidecar.is_behind() || other.is_behind()); }
  // Adds what the "not_enforced" of a keeper's or sidecar's hello names, once. Throws json::exception if it is broken.
  void add_not_enforced(const nlohmann::json& hello);
};

// The part of a Runtime and its slot that outlives a controller.
struct Record {
  Slot slot;
  net::ProcessIdentity keeper;
  net::ProcessIdentity sidecar;
  std::string address;
  std::vector<compartments::CgroupDirectory> cgroups;
  std::int64_t not_after = 0;  // of its certificate when this was written, seconds since the epoch
};

// Whether the process that was seen then is the one that has its pid now.
bool is_alive(const net::ProcessIdentity& identity);

// What a controller leaves behind for the next one.
struct Left {
  std::string desired;                           // hash_of() what was wanted, as it stands on disk
  std::map<std::string, std::string> revisions;  // by service: what that controller called it
  std::map<std::string, std::string> secrets;    // by content_key(): the digest of what was there
  std::vector<Record> records;
};
std::string to_json(const Left& left);
// A member that another build did not write yet is empty.
Result<Left> left_from_json(std::string_view json);

}  // namespace bulkhead::control
