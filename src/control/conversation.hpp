#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "control/places.hpp"

// A connection to control.sock for a command that stays: requests, and what comes back with descriptors. Blocking; its
// descriptor can be polled.
namespace bulkhead::control {

class Conversation {
 public:
  // Cause::unreachable or not_found when no controller is there.
  static Result<Conversation> open(const Places& places);

  Result<> send(const nlohmann::json& request) const;
  struct Message {
    std::string text;  // JSON
    std::vector<Fd> fds;
  };
  // The next message, once fd() is readable or by waiting. Cause::closed at the controller's end.
  Result<Message> receive() const;
  int fd() const { return socket_.get(); }
  Fd release() { return std::move(socket_); }

 private:
  explicit Conversation(Fd socket) : socket_(std::move(socket)) {}
  Fd socket_;
};

}  // namespace bulkhead::control
