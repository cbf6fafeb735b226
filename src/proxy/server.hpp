#pragma once

// Serves HTTP on one accepted connection: HTTP/1.x, or HTTP/2 by ALPN or, in plaintext, by prior knowledge (RFC 9113
// §3.3: the first bytes are the preface, which no HTTP/1 request begins with).

#include <cstdint>
#include <functional>
#include <string>

#include "http/h2_session.hpp"
#include "http/message.hpp"
#include "net/event.hpp"
#include "net/stream.hpp"
#include "proxy/exchange.hpp"

namespace bulkhead::proxy {

// Called for each request; the exchange lives until the task ends. HTTP/2: many at once, in one thread.
using Handler = std::function<net::Task<>(ServerExchange&)>;

struct ServerOptions {
  http::FieldLimits fields;
  http::H2Limits h2;                                       // its `fields` is overwritten by the above
  std::string scheme = "http";                             // of requests whose message does not say it
  bool http2 = true;                                       // else every connection is HTTP/1
  net::Duration head_timeout = std::chrono::seconds(15);   // absolute: from a head's first byte to its end
  net::Duration idle_timeout = std::chrono::seconds(75);   // between requests; with HTTP/2, without a stream
  net::Duration write_timeout = std::chrono::seconds(60);  // no byte leaves in that time: the peer reads too slowly
  // A request's body must come at this rate, after `body_grace` of waiting for it in all. 0: no minimum. Over HTTP/2
  // gRPC, tunnels and a body without a length whose answer has begun are conversations, for which that is not so.
  std::uint64_t min_body_rate = 240;
  bool unsized_may_rest = false;  // over HTTP/2, where who calls is known and has its own clients' uploads timed
  net::Duration body_grace = std::chrono::seconds(20);
  // What is left of a request's body after its answer is read away within these, else the connection is closed.
  std::uint64_t drain_bytes = 256U << 10U;
  net::Duration drain_time = std::chrono::seconds(5);
  // At shutdown, an HTTP/1 client that was promised another request may bring it within this time.
  net::Duration drain_idle{0};
  // An HTTP/1 client that ended its side may wait for its answer or be gone: after so long without a byte sent, it is
  // gone.
  net::Duration half_close_grace = std::chrono::seconds(30);
};

// Until the connection has ended and every handler of it has returned. When `shutdown` is set, the connection ends
// gracefully: idle ones after `drain_idle`, others after the answers that are due ("Connection: close"; GOAWAY in two
// steps).
// `handler`, `options` and `shutdown` must outlive the task. Malformed requests are answered here (400, 408, 431 ...).
// Fails, with Cause::exhausted, only where the connection was ended for a flood: the peer spent a budget of H2Limits.
net::Task<Result<>> serve(net::Stream stream, const Handler& handler, const ServerOptions& options,
                          net::Event& shutdown);

}  // namespace bulkhead::proxy
