#pragma once

// A connection of `load`, and who is told of its answers.

#include <cstdint>
#include <memory>
#include <string>

#include "plan.hpp"
#include "poller.hpp"
#include "transport.hpp"

namespace bench {

class Channel : public Handler {
 public:
  // Sends one request more; at most Plan::streams are without an answer.
  virtual void ask(Nanos intended) = 0;
  // What asks in the same turn of the loop goes out together.
  virtual void flush() = 0;
};

class Asker {
 public:
  virtual ~Asker() = default;
  virtual void answered(Channel& channel, Nanos intended) = 0;
  // The connection is of no more use; whatever was asked on it is without an answer.
  virtual void failed(Channel& channel, const std::string& why) = 0;
};

// Of `plan`, `context` and `asker` only references are kept.
using MakeChannel = std::unique_ptr<Channel>(const Plan& plan, const Address& address, SSL_CTX* context, Asker& asker,
                                             Poller& poller);
MakeChannel http1_channel, http2_channel, grpc_channel, tcp_channel, handshake_channel;

}  // namespace bench
