#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <openssl/x509.h>

#include "base/result.hpp"
#include "identity/spiffe_id.hpp"
#include "identity/time.hpp"
#include "net/tls.hpp"

namespace bulkhead::identity {

// Who a peer is, from its leaf (SPIFFE X.509-SVID §2 to §5): exactly one URI SAN, a SPIFFE ID with a path (other kinds
// of SAN are not considered); no CA; keyUsage critical with digitalSignature and neither keyCertSign nor cRLSign; EKU,
// if there, with serverAuth and clientAuth; valid at `now`. That its chain ends at a trust anchor, TLS has verified.
Result<SpiffeId> verify_svid(X509& leaf, WallTime now);

// What a workload holds to speak in the mesh.
struct WorkloadIdentity {
  SpiffeId id;
  net::TlsCredential credential;
  std::string bundle_pem;
};

// TLS settings for the mesh: 1.3, both sides present SVIDs of our trust domain. Stream::peer() is the peer's
// SPIFFE ID as text.
net::TlsConfig mesh_tls(net::TlsRole role, const WorkloadIdentity& own, std::vector<std::string> alpn, WallClock clock);

// For HandshakeOptions::expect: the peer must be exactly `id`; else Cause::denied, naming both.
std::function<Result<>(const std::string&)> expect_peer(SpiffeId id);

// The identity of a stream whose handshake used mesh_tls, from Stream::peer(); empty without.
SpiffeId peer_identity(const std::string& peer);

}  // namespace bulkhead::identity
