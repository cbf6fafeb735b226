#pragma once

// Connections to upstreams, kept and shared, for one thread.
//
// A key stands for everything that a connection's use depends on: address, the identities of both ends, TLS. Two
// requests with equal keys may share connections; the pool does not look inside.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "http/h2_session.hpp"
#include "net/gate.hpp"
#include "net/stream.hpp"
#include "proxy/exchange.hpp"

namespace bulkhead::proxy {

enum class UpstreamProtocol : std::uint8_t {
  http1,
  http2,    // by prior knowledge, or TLS with ALPN "h2"
  by_alpn,  // what the TLS handshake agreed on; HTTP/1 without
};

struct PoolOptions {
  http::FieldLimits fields;
  http::H2Limits h2;                                      // its `fields` is overwritten by the above
  net::Duration idle_timeout = std::chrono::seconds(50);  // below the 60 s and more after which servers close
  std::size_t max_connections = 256;                      // for each key
  // HTTP/2: with streams open and nothing heard for `ping_after`, a PING must be answered within `ping_timeout`.
  net::Duration ping_after = std::chrono::seconds(10);
  net::Duration ping_timeout = std::chrono::seconds(5);
  net::Duration write_timeout = std::chrono::seconds(60);
};

// Makes a connected stream, TLS included, by the deadline. A Fault means that nothing was sent.
using Connector = std::function<net::Task<Result<net::Stream>>(net::Deadline)>;

struct PoolTarget {
  std::string_view key;  // what it views must live until the exchange is there
  UpstreamProtocol protocol = UpstreamProtocol::http1;
  std::uint64_t generation = 0;  // of certificates; connections of an older one take no new request
};

class Pool {
 public:
  Pool(net::Loop& loop, const PoolOptions& options);
  // Destroys what is left; call close() before, in the loop.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // An exchange on a kept connection, or on a new one. HTTP/2 callers that meet while one connection is being made wait
  // for it together. Every Fault means that nothing was sent: exhausted (max_connections, until the deadline), or what
  // the connector said. `target` and `connector` must live until the answer. Exchanges must end before the pool.
  net::Task<Result<std::unique_ptr<ClientExchange>>> acquire(const PoolTarget& target, const Connector& connector,
                                                             net::Deadline deadline);

  // Policy changed or a peer was quarantined: every connection of this key ends at once, with what runs on it.
  void close_all(std::string_view key);
  // The same for every key that `concerns` names.
  void close_all_if(const std::function<bool(std::string_view key)>& concerns);
  // After a renewal: older connections take no new requests and end with those that they have.
  void retire_before(std::uint64_t generation);

  std::size_t connections(std::string_view key) const;
  // Ends every connection and waits for what serves them.
  net::Task<> close();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead::proxy
