#pragma once

// Connections to the service of this instance's compartment. The sidecar is outside of it, so it asks the
// compartment's init, which connects inside and hands the socket over (net/instance_link.hpp). Loop's thread only.

#include <cstdint>
#include <map>
#include <memory>

#include "net/event.hpp"
#include "net/gate.hpp"
#include "net/stream.hpp"
#include "net/watch.hpp"

namespace bulkhead::proxy {

class Vendor {
 public:
  // `socket` is the SEQPACKET named "vendor".
  static Result<std::unique_ptr<Vendor>> adopt(net::Loop& loop, Fd socket);
  Vendor(const Vendor&) = delete;
  Vendor& operator=(const Vendor&) = delete;

  // A connection to `port` of the service, source address net::kMeshSource. Every fault means that nothing was sent:
  // unreachable when nobody listens, closed when the compartment is gone.
  net::Task<Result<net::Stream>> connect(std::uint16_t port, net::Deadline deadline);

 private:
  struct Waiting {
    explicit Waiting(net::Loop& loop) : done(loop) {}
    net::Event done;
    std::int32_t error = 0;
    Fd socket;
  };
  Vendor(net::Loop& loop, net::Watch watch);
  net::Task<Result<>> send(std::uint16_t port, std::uint32_t id, net::Deadline deadline);
  net::Task<> read_replies();
  void fail_all(std::int32_t error);

  net::Loop& loop_;
  net::Watch watch_;
  bool gone_ = false;
  std::uint32_t next_id_ = 1;
  std::map<std::uint32_t, Waiting*> waiting_;
  net::Gate gate_;
};

}  // namespace bulkhead::proxy
