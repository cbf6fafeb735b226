#pragma once

// What the client of one connection presented, and what those who are asked make of it. TLS has proven that the client
// holds the key and nothing else: the chain is verified here, for each provider by its own anchors, so that a change of
// them holds for the next request of an open connection, and a session that is resumed is worth what it brings. Loop's
// thread only.

#include <memory>
#include <string>
#include <vector>

#include "gateway/identity.hpp"
#include "identity/client_certificate.hpp"

namespace bulkhead::gateway {

// A provider of client certificates. Immutable; another one by the same name is a change of the manifest.
struct ClientAuthority {
  std::string name;
  identity::ClientAnchors anchors;
  std::optional<identity::ClientName::Kind> subject;  // which name is the user's; see identity::subject_of
  std::vector<std::string> claims;                    // of issuer, serial and names
};

class ClientCertificate {
 public:
  explicit ClientCertificate(net::PeerCertificates presented) : presented_(std::move(presented)) {}

  bool is_there() const { return presented_.leaf != nullptr; }

  // Who it is, or why nobody. Verified once and again when what was found has ended; a refusal is kept for a minute.
  // The answer lives until the next call.
  const Result<IdentityPtr>& judge(const std::shared_ptr<const ClientAuthority>& by, identity::WallTime now);

 private:
  struct Verdict {
    std::shared_ptr<const ClientAuthority> by;
    identity::WallTime since, until;
    Result<IdentityPtr> identity;
  };
  Verdict decide(const std::shared_ptr<const ClientAuthority>& by, identity::WallTime now) const;

  const net::PeerCertificates presented_;
  std::vector<Verdict> known_;  // the last of each provider
};

}  // namespace bulkhead::gateway
