#pragma once

// One request and its answer, seen from a proxy's two sides, the same for HTTP/1.1 and HTTP/2.
//
// Common contract
// - An exchange belongs to the thread of its connection. Reading and sending may be awaited at the same time by two
//   tasks, but never two reads or two sends at once.
// - Every wait has a Deadline. A Fault means that this direction is over: Cause::closed (the peer ended it),
//   Cause::timeout, Cause::protocol (the peer broke the rules). Nothing is called on, and nothing is heard from,
//   an exchange after its reset; a pending wait answers with Cause::closed at once.
// - Messages are canonical (http/message.hpp): hop-by-hop fields are gone on the way in (but `te: trailers`) and are
//   not to be added; content_length frames, `fields` has no Host, Content-Length or Transfer-Encoding.
// - A tunnel (Request::protocol is set, e.g. "websocket"): the forwarder sends the request with no end; the answer 101
//   accepts, in every version, as the last head. After it the bodies carry the tunnel's bytes both ways, each with its
//   own end (half-close). Any other final status is an ordinary answer. Sec-WebSocket-Key and -Accept belong to a hop
//   and never appear; Upgrade and Connection are made here; bytes that came before the 101 are held until it.
// - Views handed out by read_body live until the next read_body, or the end of the exchange. The flow-control window of
//   a part is given back when the next one is read, so that a slow receiver slows the sender.

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/result.hpp"
#include "http/message.hpp"
#include "net/deadline.hpp"
#include "net/task.hpp"

namespace bulkhead::proxy {

struct BodyPart {
  std::string_view data;  // may be empty at the end
  bool end = false;       // the body is complete; trailers() has what came after it
};

enum class ResetReason : std::uint8_t {
  cancelled,  // the other side went away, or a policy ended it
  internal,   // this proxy failed, or the other side broke off in the middle of a body
  refused,    // nothing was processed: it may be sent again
  timeout,
  protocol,
};

// A request being served. It is made by a server connection, which also waits for the handler to return: the exchange
// lives exactly as long as the handler's task runs.
class ServerExchange {
 public:
  virtual ~ServerExchange() = default;

  // The head; the handler may move out of it, the exchange keeps what it needs itself.
  virtual http::Request& request() = 0;

  // The next bytes of the request's body. Sends 100 Continue first if the client expects it and no final head has been
  // sent. After `end` it answers with an empty end again.
  virtual net::Task<Result<BodyPart>> read_body(net::Deadline deadline) = 0;
  virtual const http::Fields& trailers() const = 0;
  // Its body is an upload, whatever the client says that it is: it must come at the least rate (ServerOptions).
  virtual void expect_upload() {}

  // An interim head (1xx but 101). Dropped for an HTTP/1.0 client.
  virtual net::Task<Result<>> send_informational(http::Response response) = 0;
  // The final head, once. With `end`, no body follows. The body is sized by response.content_length, else chunked.
  virtual net::Task<Result<>> send_head(http::Response response, bool end) = 0;
  // Returns when the bytes are with the kernel or within this stream's bounded send buffer; `data` may go then.
  // For answers without a body (HEAD, 204, 304) bytes are dropped.
  virtual net::Task<Result<>> send_body(std::string_view data, bool end, net::Deadline deadline) = 0;
  // Ends the body with trailers (instead of send_body with `end`). Dropped where the client can't take them.
  virtual net::Task<Result<>> send_trailers(http::Fields trailers) = 0;

  // O(1). HTTP/2: RST_STREAM. HTTP/1: the connection is closed after the handler returned. Before a head was sent it is
  // better to send an answer. A handler that returns without a whole answer is as if it had reset with `internal`.
  virtual void reset(ResetReason reason) = 0;

  // `callback` is called from the loop, at most once, when the client went away (connection lost, RST_STREAM) before
  // the answer was complete; at once if that has happened. The forwarder resets its upstream exchange there. It is not
  // called after the handler returned. An empty function unsets it.
  virtual void on_gone(std::function<void()> callback) = 0;
  virtual bool gone() const = 0;
};

// A request being sent to an upstream: made by a client connection (pool.hpp), ended by its destructor, which resets it
// if it is incomplete and gives the connection back otherwise.
class ClientExchange {
 public:
  virtual ~ClientExchange() = default;

  // Once. With `end`, no body follows. Cause::unsupported: the peer can't take this protocol (nothing was sent).
  virtual net::Task<Result<>> send_head(const http::Request& request, bool end, net::Deadline deadline) = 0;
  virtual net::Task<Result<>> send_body(std::string_view data, bool end, net::Deadline deadline) = 0;
  virtual net::Task<Result<>> send_trailers(http::Fields trailers) = 0;

  // The next head. Response::interim() ones are relayed and read_head called again; the first other one is final.
  // May be awaited while the body is still being sent (an early answer; full duplex).
  virtual net::Task<Result<http::Response>> read_head(net::Deadline deadline) = 0;
  virtual net::Task<Result<BodyPart>> read_body(net::Deadline deadline) = 0;
  virtual const http::Fields& trailers() const = 0;

  virtual void reset(ResetReason reason) = 0;

  // After a Fault of any of the above: true if the upstream can't have processed any byte of this request (nothing left
  // this process, REFUSED_STREAM, above GOAWAY's last stream, or an idle connection that was found closed before a byte
  // was sent). Such a request may always be sent again elsewhere.
  virtual bool never_sent() const = 0;
  // After a Fault: true if not a single byte of an answer came (an idempotent request may be sent again).
  virtual bool no_response_byte() const = 0;
};

}  // namespace bulkhead::proxy
