#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "identity/spiffe_id.hpp"
#include "net/tls.hpp"

namespace bulkhead::identity {

// A new P-256 key. It stays in this process's memory: only the authority's own keys are ever written.
Result<net::PrivateKey> generate_key();
Result<std::string> private_key_pem(const net::PrivateKey& key);

// PKCS #10 request in PEM, for `key`, naming `id` as its one URI SAN.
Result<std::string> make_certificate_request(const net::PrivateKey& key, const SpiffeId& id);

struct CertificateRequest {
  net::PrivateKey public_key;         // only the public half
  std::optional<SpiffeId> requested;  // a wish; who signs decides by what it knows of the sender
};
// Refuses what is above 8 KiB, is not signed by its own key (proof of possession), has another kind of key than P-256,
// or asks for any name or extension but one SPIFFE ID.
Result<CertificateRequest> parse_certificate_request(std::string_view pem);

}  // namespace bulkhead::identity
