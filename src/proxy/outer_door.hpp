#pragma once

// The way out of the compartment: the service's programs dial a declared name, and the transparent listener takes the
// connection. What was dialled says what is meant; each request is authorized here, before it leaves, by the same
// edges as at the callee.

#include <vector>

#include "net/listener.hpp"
#include "proxy/core.hpp"
#include "proxy/outgoing.hpp"
#include "proxy/outside.hpp"

namespace bulkhead::proxy {

class OuterDoor {
 public:
  OuterDoor(Core& core, Outside& outside);

  Result<> adopt(Fd listening);
  // Whether a connection to what nobody declared is refused, tried with one of our own.
  net::Task<Result<>> prove_it_denies();
  void start();
  // Whether something is being served for the own service.
  std::size_t inside() const { return gate_.inside(); }
  net::Task<> close(net::Deadline deadline);

 private:
  net::Task<> accept(net::Listener& listener);
  net::Task<> serve_connection(net::Stream stream);
  net::Task<> serve_http(net::Stream stream, net::Address dialled);
  net::Task<> serve_request(ServerExchange& exchange, const net::Address& dialled);
  jose::TokenResult<EndUserPtr> find_user(const http::Fields& fields, const Visit& visit);
  net::Deadline caused_until(const Visit& visit) const;
  net::Task<> forward(Outgoing& outgoing, const net::Address& dialled);
  net::Task<> forward_outside(ServerExchange& exchange, Visit& visit, const net::Address& dialled,
                              const Egress& egress);
  net::Task<> serve_tcp(net::Stream stream, net::Address dialled);
  net::Task<> tunnel_to_peer(net::Stream& stream, Visit& visit, Flight& flight);
  net::Task<> tunnel_outside(net::Stream& stream, Visit& visit, Flight& flight, const ConfigPtr& config,
                             const Door& door);
  net::Task<> carry(net::Stream& stream, net::Stream& far, Visit& visit, Flight& flight, std::string_view early);

  Core& core_;
  Outside& outside_;
  ServerOptions options_;
  RelayRules mesh_rules_;
  RelayRules outside_rules_;
  net::Event shutdown_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  net::Gate gate_;
};

}  // namespace bulkhead::proxy
