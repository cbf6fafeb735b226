#pragma once

#include <memory>
#include <string>

#include "net/event.hpp"
#include "net/gate.hpp"
#include "proxy/call.hpp"
#include "proxy/config.hpp"
#include "proxy/deadlines.hpp"
#include "proxy/end_user.hpp"
#include "proxy/flights.hpp"
#include "proxy/hello.hpp"
#include "proxy/mesh.hpp"
#include "proxy/server.hpp"

namespace bulkhead::proxy {

// What the doors of one sidecar or gateway share. Owned by Sidecar; loop's thread only. `config` is swapped whole:
// whoever awaits keeps a copy of the pointer for as long as it uses what is inside.
struct Core {
  Core(net::Loop& the_loop, identity::SpiffeId own, std::string own_instance,
       std::unique_ptr<telemetry::Records> records)
      : loop(the_loop),
        instance(std::move(own_instance)),
        journal(the_loop, std::string(own.service()), std::move(records)),
        credentials(the_loop, std::move(own)),
        pool(the_loop, PoolOptions{}),
        mesh{the_loop, credentials, pool, journal},
        clusters(the_loop),
        calls(the_loop),
        draw([this](std::size_t bound) { return journal.draw(bound); }),
        open_requests(journal.draw(~std::uint32_t{0})) {}

  std::string_view service() const { return credentials.own().service(); }

  // Makes `next` the configuration. The order matters: what is new is there before anything asks for it, and what is
  // forbidden ends last, when every further request meets the new rules already.
  void take(ConfigPtr next);

  net::Loop& loop;
  const std::string instance;             // this hop's name in proxy-status
  std::vector<NotEnforced> not_enforced;  // told to the controller
  std::string otlp;                       // where programs' own telemetry goes; empty: nowhere
  Journal journal;
  Credentials credentials;
  Pool pool;
  Mesh mesh;
  Clusters clusters;
  Calls calls;
  const Draw draw;  // of the journal
  OpenRequests open_requests;
  EndUsers end_users;
  bool seals_tokens = false;  // a gateway: every sidecar verifies tokens that are sealed for it
  Flights flights;
  ConfigPtr config;  // null until the first snapshot

 private:
  // Ends pooled connections to services that `snapshot` does not name as upstreams.
  void close_connections_to_others(const Snapshot& snapshot);
};

// "grpc", "websocket", "h2" or "http/1.1".
std::string spoken_protocol(const http::Request& request);

}  // namespace bulkhead::proxy
