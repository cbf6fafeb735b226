#pragma once

// The way in: other sidecars come here, over mutual TLS, to reach this instance's service. Who they are is told by
// their certificate alone; each request and each raw connection is authorized by the edges of the current snapshot.

#include "net/listener.hpp"
#include "proxy/contracted_exchange.hpp"
#include "proxy/core.hpp"
#include "proxy/doorkeeper.hpp"
#include "proxy/local_service.hpp"
#include "proxy/relay.hpp"

namespace bulkhead::proxy {

class InnerDoor {
 public:
  InnerDoor(Core& core, LocalService& service);

  Result<> open(const net::Address& address);
  Result<> adopt(Fd listening);
  int listening() const { return listener_.fd(); }
  // Another process listens there too, and its path stays when this one closes.
  void leave_path() { listener_.leave_path(); }
  // Whether strangers, and what no edge allows, are refused: tried at a listener of our own beside the real one.
  net::Task<Result<>> prove_it_denies();
  void start();

  void begin_drain();
  // No new connection, no new request (two-step GOAWAY); returns when what was being served has ended, or at the
  // deadline.
  net::Task<> drain(net::Deadline deadline);

 private:
  net::Task<> accept(net::Listener& listener);
  net::Task<> serve_connection(net::Stream stream);
  net::Task<> serve_http(net::Stream stream, identity::SpiffeId peer);
  net::Task<> serve_request(ServerExchange& exchange, const identity::SpiffeId& peer);
  net::Task<> forward(ServerExchange& exchange, Visit& visit, const ServedPort& port, net::Deadline deadline,
                      std::uint64_t most_request);
  net::Task<> hold_to_contract(ServerExchange& exchange, Visit& visit, const ServedPort& port, net::Deadline deadline);
  net::Task<> let_in(ServerExchange& exchange, Visit& visit, const ServedPort& port, net::Deadline deadline,
                     std::uint64_t most_request = 0);
  net::Task<> admit(ServerExchange& exchange, Visit& visit, const ServedPort& port, net::Deadline deadline);
  net::Task<> refuse_with(ServerExchange& exchange, Visit& visit, Why why);
  net::Task<> refuse_user(ServerExchange& exchange, Visit& visit, const jose::TokenFault& fault);
  void learn(const ConfigPtr& config);
  net::Task<> serve_tcp(net::Stream stream, identity::SpiffeId peer);
  net::Task<> tunnel(net::Stream& stream, Visit& visit);
  bool is_of_our_app(const identity::SpiffeId& peer) const;

  Core& core_;
  LocalService& service_;
  ServerOptions options_;
  RelayRules rules_;
  std::uint32_t in_flight_ = 0;
  Doorkeeper doorkeeper_;
  ContractDesk contract_;
  ConfigPtr learned_;  // that the doorkeeper's limits and the contract are of
  net::Listener listener_;
  net::Event shutdown_;
  net::Gate gate_;
};

}  // namespace bulkhead::proxy
