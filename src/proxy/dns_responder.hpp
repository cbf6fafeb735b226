#pragma once

// The compartment's DNS: answers the declared names and nothing else. An unknown name is NXDOMAIN at once, and a record
// of who asked for what. Loop's thread only.

#include "net/datagram.hpp"
#include "net/listener.hpp"
#include "proxy/core.hpp"

namespace bulkhead::proxy {

// The manifest's line that would make a name known: a call for one label, an egress for more.
std::string allowance_for_name(std::string_view name);
// The line that would allow a dial, "" where none could (another protocol than TCP).
std::string allowance_for_dial(std::string_view ip, std::uint16_t port, bool tcp);
// The line for another port of a peer that is known at `dialled`; "" where none is.
std::string allowance_for_port(const Snapshot& snapshot, const net::Address& dialled);

class DnsResponder {
 public:
  explicit DnsResponder(Core& core) : core_(core), gate_(core.loop) {}
  Result<> serve_udp(Fd socket);
  Result<> serve_tcp(Fd listening);
  void close();

  // The answer to one message; empty for what deserves none. `limit` where the query does not say.
  std::string answer(std::string_view message, bool udp);

 private:
  net::Task<> run_udp();
  net::Task<> run_tcp();
  net::Task<> serve_connection(net::Stream stream);

  Core& core_;
  net::Datagram udp_;
  net::Listener tcp_;
  std::size_t connections_ = 0;
  net::Gate gate_;
};

}  // namespace bulkhead::proxy
