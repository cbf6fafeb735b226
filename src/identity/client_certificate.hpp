#pragma once

// Certificates of an application's own clients: people and machines that come to its gateway from outside. Not SVIDs.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "identity/time.hpp"
#include "net/tls.hpp"

namespace bulkhead::identity {

// Who may sign them. Immutable; for any thread.
class ClientAnchors {
 public:
  // 1 to 64 certificates (PEM), each of an authority; it need not have signed itself.
  static Result<ClientAnchors> parse(std::string_view pem);

  // Until when a peer that presented this is to be believed: the first end of a certificate of its chain. The chain
  // ends at an anchor (RFC 5280 §6) with at most four certificates between, all are valid at `now`, keys and signatures
  // have 112 bits of strength, and the leaf is no authority and for clients by its extended key usage (clientAuth, said
  // in words). Nobody is asked whether it was revoked. Cause::denied says why not.
  Result<WallTime> verify(const net::PeerCertificates& presented, WallTime now) const;

 private:
  net::OpensslPtr<X509_STORE> store_;
};

// A name of a leaf that may stand for its holder. The three kinds of alternative name have no text in common.
struct ClientName {
  enum class Kind : std::uint8_t { uri, email, dns, common_name };
  Kind kind = Kind::uri;
  std::string text;  // 1 to 255 of printable ASCII; of dns in lower case
  bool operator==(const ClientName&) const = default;
};
std::string_view to_string(ClientName::Kind kind);  // "uri", "email", "dns", "common_name"
std::optional<ClientName::Kind> parse_client_name_kind(std::string_view text);

// Alternative names of these kinds in their order, at most 32, then the last common name of the subject if it is such a
// text. Cause::denied where an alternative name is none: nobody is known by a part of them.
Result<std::vector<ClientName>> client_names(X509& leaf);

// The first name of `kind`; without one the first URI, else the first email address, else the first DNS name, never a
// common name: what an authority writes there it need not have checked. Null where there is none.
const ClientName* subject_of(const std::vector<ClientName>& names, std::optional<ClientName::Kind> kind);

std::string issuer_text(const X509& leaf);  // RFC 2253; at most 1024 octets
std::string serial_text(const X509& leaf);  // lower-case hexadecimal

}  // namespace bulkhead::identity
