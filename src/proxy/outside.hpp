#pragma once

// The way out of the application: declared hosts only, resolved here and not by the program, never to an address
// inside unless the manifest names that address itself. Loop's thread only.

#include <memory>

#include "net/tls.hpp"
#include "proxy/destination.hpp"
#include "proxy/pool.hpp"
#include "proxy/resolver.hpp"
#include "proxy/snapshot.hpp"

namespace bulkhead::proxy {

// Whether an egress may go to this address. Loopback, private, link-local (the clouds' metadata services), reserved
// addresses, and IPv4 inside IPv6 that is one of these, are inside: they need `allow_private`.
bool may_leave_to(const net::Address& address, bool allow_private);

// Tests give their own.
struct OutsideOptions {
  Resolver::Lookup lookup = Resolver::system_lookup;
  std::string trust_anchors_pem;  // empty: the host's roots
};

class Outside {
 public:
  Outside(net::Loop& loop, OutsideOptions options);

  // A connection to the declared host and port, to the first of its permitted addresses that takes it. Nothing was
  // sent.
  net::Task<std::expected<net::Stream, Why>> connect(const Egress& egress, net::Deadline deadline);
  // The same with TLS, verified against the host's name.
  net::Task<std::expected<net::Stream, Why>> connect_tls(const Egress& egress, net::Deadline deadline);

  Pool& pool() { return pool_; }
  net::Loop& loop() { return loop_; }
  net::Task<> close() { return pool_.close(); }

 private:
  Result<std::shared_ptr<net::TlsContext>> client_context();

  net::Loop& loop_;
  Resolver resolver_;
  Pool pool_;
  const std::string trust_anchors_pem_;
  std::shared_ptr<net::TlsContext> context_;
};

// One HTTP request to the outside, over HTTP/1.1, by TLS where the egress says https.
class OutsideDestination final : public Destination {
 public:
  static constexpr std::uint32_t kMaxTries = 3;

  OutsideDestination(Outside& outside, const Egress& egress) : outside_(outside), egress_(egress) {}
  net::Task<Attempt> next(Visit& visit, net::Deadline deadline) override;
  void prepare(http::Request&, net::Deadline) override {}
  void ended(const std::optional<TryOutcome>&) override {}

 private:
  net::Task<Result<net::Stream>> open(net::Deadline deadline);

  Outside& outside_;
  const Egress& egress_;
  std::uint32_t tries_ = 0;
  RefusalCause cause_ = RefusalCause::unreachable;
};

}  // namespace bulkhead::proxy
