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
#include "net/frames.hpp"
#include "net/process.hpp"

namespace bulkhead::control {

// What the controller knows of the instance that runs in a slot. It begins with the start of a keeper and ends with its
// end; another start in the same slot is another Runtime with a higher epoch.
struct Runtime {
  std::string id;  // of the slot
  std::string service;
  std::uint64_t epoch = 0;
  net::ProcessIdentity keeper;
  net::ProcessIdentity sidecar;  // pid -1 until the keeper has told
  std::string address;           // of the inner door
  std::vector<compartments::CgroupDirectory> cgroups;

  Fd keeper_pidfd;
  net::FrameChannel* keeper_channel = nullptr;  // of the connection that stands now; its coroutine owns it
  net::FrameChannel* sidecar_channel = nullptr;
  std::string keeper_state;
  int service_pid = -1;
  std::vector<NotEnforced> not_enforced;
  std::vector<compartments::Door> doors;  // that its keeper was told of last; none for one that was adopted
  std::string sent_hash;                  // of the last snapshot that this sidecar was sent on this connection
  std::string doors_problem;              // why its compartment could not take the last ones; "" if it did
  std::string rejected;                   // why it refused the last one; "" if it did not
  std::string serial;
  std::int64_t not_before = 0;  // of its current certificate, seconds since the epoch
  std::int64_t not_after = 0;
  nlohmann::json stats;  // as the sidecar last sent them

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

std::string to_json(const std::vector<Record>& records);
Result<std::vector<Record>> records_from_json(std::string_view json);

}  // namespace bulkhead::control
