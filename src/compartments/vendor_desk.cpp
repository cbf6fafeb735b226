#include "compartments/vendor_desk.hpp"

#include <cerrno>
#include <span>
#include <vector>

#include "compartments/pairs.hpp"
#include "compartments/rights.hpp"
#include "net/instance_link.hpp"

namespace bulkhead::compartments {

Result<Fd> VendorDesk::open() {
  auto pair = make_packet_pair();
  if (!pair) return fail(pair.error());
  set_nonblocking(pair->ours);
  set_nonblocking(pair->theirs);
  socket_ = std::move(pair->ours);
  unsent_.reset();
  return std::move(pair->theirs);
}

pollfd VendorDesk::watched() const { return {socket_.get(), static_cast<short>(unsent_ ? POLLOUT : POLLIN), 0}; }

void VendorDesk::serve() {
  for (int batch = 0; batch < 64; ++batch) {
    if (unsent_ && !send_reply()) return;
    net::VendRequest request;
    const auto got = receive_with_rights(socket_.get(), std::as_writable_bytes(std::span(&request, 1)));
    if (!got) {
      if (got.error().cause == Cause::exhausted) return;
      continue;
    }
    if (got->size == 0) return socket_.reset();
    if (got->size != sizeof request) continue;
    unsent_.emplace(request.id, connect_to_service(request.port, request.family_hint));
  }
}

bool VendorDesk::send_reply() {
  auto& [id, outcome] = *unsent_;
  const net::VendReply reply{id, outcome.error};
  std::vector<int> rights;
  if (outcome.error == 0) rights.push_back(outcome.socket.get());
  const auto sent = send_with_rights(socket_.get(), std::as_bytes(std::span(&reply, 1)), rights);
  if (!sent && sent.error().cause == Cause::exhausted) return false;
  // Too many descriptors under way: that is an answer too.
  if (!sent && outcome.error == 0) {
    outcome = {Fd(), EMFILE};
    return send_reply();
  }
  unsent_.reset();
  return true;
}

}  // namespace bulkhead::compartments
