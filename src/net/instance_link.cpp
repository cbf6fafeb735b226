#include "net/instance_link.hpp"

#include <cstring>
#include <string_view>

#include "net/frames.hpp"

namespace bulkhead::net {

Result<> send_vend_request(int vendor, const VendRequest& request) {
  return send_message(vendor, std::string_view(reinterpret_cast<const char*>(&request), sizeof request));
}

Result<Vended> receive_vend_reply(int vendor) {
  auto message = receive_message(vendor);
  if (!message) return fail(message.error());
  Vended vended;
  if (message->payload.size() != sizeof vended.reply) {
    return fail(Cause::protocol, "a vend reply of {} bytes", message->payload.size());
  }
  std::memcpy(&vended.reply, message->payload.data(), sizeof vended.reply);
  if (vended.reply.error == 0) {
    if (message->fds.size() != 1) return fail(Cause::protocol, "a vend reply without its socket");
    vended.socket = std::move(message->fds.front());
  }
  return vended;
}

}  // namespace bulkhead::net
