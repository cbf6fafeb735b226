#pragma once

// This instance's identity in the mesh: a key that was made here and never leaves this memory, the certificate that the
// controller signed for it, and the TLS settings made of both. Renewed with a new key each time. Loop's thread only.

#include <functional>
#include <memory>
#include <string>

#include "identity/peer.hpp"
#include "identity/renewal.hpp"
#include "net/event.hpp"
#include "net/tls.hpp"

namespace bulkhead::proxy {

inline constexpr std::string_view kAlpnHttp = "h2";
inline constexpr std::string_view kAlpnTcp = "bulkhead-tcp";

class Credentials {
 public:
  Credentials(net::Loop& loop, identity::SpiffeId own) : loop_(loop), own_(std::move(own)), changed_(loop) {}

  const identity::SpiffeId& own() const { return own_; }

  // A request for a certificate for a new key. The key is used once install() brings its certificate.
  Result<std::string> make_request();
  // Refused unless the leaf is for the requested key and for this identity.
  Result<> install(const std::string& chain_pem, const std::string& bundle_pem, double random);

  // Looked at once in a turn of the loop, as each request asks.
  bool usable() const;
  const identity::RenewalPlan& plan() const { return plan_; }
  void renewal_failed(double random) { plan_.failed(identity::moment_now(), random); }

  // Null before the first install. A connection keeps the one that it was made with.
  const std::shared_ptr<net::TlsContext>& server() const { return server_; }
  const std::shared_ptr<net::TlsContext>& client_http() const { return client_http_; }
  const std::shared_ptr<net::TlsContext>& client_tcp() const { return client_tcp_; }

  // Notified at each install.
  net::Notify& changed() { return changed_; }

 private:
  net::Loop& loop_;
  identity::SpiffeId own_;
  net::PrivateKey pending_key_;
  identity::RenewalPlan plan_;
  std::shared_ptr<net::TlsContext> server_;
  std::shared_ptr<net::TlsContext> client_http_;
  std::shared_ptr<net::TlsContext> client_tcp_;
  net::Notify changed_;
  mutable std::optional<net::SteadyTime> looked_at_;  // the turn that usable_ is of
  mutable bool usable_ = false;
};

}  // namespace bulkhead::proxy
