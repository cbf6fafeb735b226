#pragma once

// The way in: other sidecars come here, over mutual TLS, to reach this instance's service. Who they are is told by
// their certificate alone; each request and each raw connection is authorized by the edges of the current snapshot.

#include "net/listener.hpp"
#include "proxy/authorize.hpp"
#include "proxy/contracted_exchange.hpp"
#include "proxy/core.hpp"
#include "proxy/doorkeeper.hpp"
#include "proxy/grpc_contracted_exchange.hpp"
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
  // A request that may come in, and what is known of it beyond its head.
  struct Entrant {
    const ServedPort& port;
    net::Deadline deadline;
    bool undecided = false;  // until it is known what the contract points out in it
    std::uint64_t most_request = 0;
    conditions::Value resource{};
  };
  net::Task<> forward(ServerExchange& exchange, Visit& visit, const Entrant& entrant);
  net::Task<> hold_to_contract(ServerExchange& exchange, Visit& visit, Entrant& entrant);
  net::Task<> hold_to_descriptors(ServerExchange& exchange, Visit& visit, Entrant& entrant);
  net::Task<> let_in(ServerExchange& exchange, Visit& visit, const Entrant& entrant);
  net::Task<> admit(ServerExchange& exchange, Visit& visit, Entrant entrant);
  net::Task<> deny(ServerExchange& exchange, Visit& visit, Judgement judged);
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
