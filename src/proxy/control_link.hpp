#pragma once

// The one channel to the controller. It is found again for ever, and whoever uses this never waits for it: without a
// controller everything goes on as it was (static stability). Messages are JSON objects with a "type". Loop's thread.

#include <functional>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "net/frames.hpp"
#include "net/gate.hpp"

namespace bulkhead::proxy {

class ControlLink {
 public:
  struct Handlers {
    std::function<void()> connected;  // say hello here
    std::function<void(const std::string& type, const nlohmann::json& message)> message;
    std::function<void(const Fault& fault)> trouble;  // for the log: why it was lost, or a message was refused
  };

  // `socket_path` is the controller's Unix socket. Nothing is called before start().
  ControlLink(net::Loop& loop, std::string socket_path, Handlers handlers);
  void start();
  void close();

  bool is_connected() const { return channel_ != nullptr; }
  // False when it is not connected, or the controller does not read: the message is dropped.
  bool send(const nlohmann::json& message);
  // Until what was sent is written, or the deadline.
  net::Task<> flush(net::Deadline deadline);

 private:
  net::Task<> run();
  net::Task<> serve(net::FrameChannel& channel);

  net::Loop& loop_;
  const std::string socket_path_;
  const Handlers handlers_;
  bool closing_ = false;
  net::FrameChannel* channel_ = nullptr;
  net::Gate gate_;
};

}  // namespace bulkhead::proxy
