#pragma once

// Init's end of one sidecar's vendor socket (net/instance_link.hpp): requests come in, connected sockets go out. For a
// poll loop.

#include <cstdint>
#include <optional>
#include <utility>

#include <poll.h>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "compartments/network.hpp"

namespace bulkhead::compartments {

class VendorDesk {
 public:
  // Another pair, whose far end is for the sidecar; what was open before is closed.
  Result<Fd> open();
  // What was open in a process that became this one.
  void go_on(Fd socket) { socket_ = std::move(socket); }
  bool is_open() const { return static_cast<bool>(socket_); }
  int fd() const { return socket_.get(); }
  bool owes_a_reply() const { return unsent_.has_value(); }
  pollfd watched() const;
  // After poll: a bounded batch, so that a busy sidecar can't keep init from its children. A reply that finds no room
  // waits for it, and no further request is read meanwhile. Closed when the sidecar's end is.
  void serve();

 private:
  bool send_reply();

  Fd socket_;
  std::optional<std::pair<std::uint32_t, VendOutcome>> unsent_;
};

}  // namespace bulkhead::compartments
