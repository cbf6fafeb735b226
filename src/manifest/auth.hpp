#pragma once

// Who vouches for end users at the gateway, and what a route asks of whoever comes. Pure values.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "manifest/limit.hpp"
#include "manifest/position.hpp"
#include "manifest/units.hpp"

namespace bulkhead::manifest {

struct ApiKey {
  std::string id;                        // 1 to 32 of a-z, 0-9 and '-': the user's name
  std::string hash;                      // "sha256:" and 64 lower-case hexadecimal digits, of the key's secret part
  std::vector<std::string> scopes;       // what it is good for
  std::optional<std::uint64_t> expires;  // seconds since 1970
  std::vector<Limit> limits;             // of whoever brings it, all routes together; each of `per` all
  bool operator==(const ApiKey&) const = default;
};

// A host that a provider's keys come from.
struct KeyHost {
  std::string host;  // lower case, a DNS name or an IP address literal without brackets
  Port port;
  bool tls = true;  // false only of loopback
  bool is_address = false;
  bool operator==(const KeyHost&) const = default;
};

struct ClientCertificates {
  std::string ca;       // the path of the certificates (PEM) of those who sign them
  std::string anchors;  // what stands there; not by parse(), which looks at no file
  std::string
      subject;  // which name is the user's: "uri", "email", "dns", "common_name"; "": the first of these but the last
  bool operator==(const ClientCertificates&) const = default;
};

// One provider: of client certificates, where they are written, of tokens, where `issuer` is written, else of API keys.
struct Provider {
  std::string name;
  std::string issuer;                  // `iss` of its JSON Web Tokens, byte by byte
  std::vector<std::string> audiences;  // one of them is in `aud`
  std::string jwks;                    // the path of its key set (RFC 7517 §5); "": it is fetched
  std::string keys;                    // what stands there; not by parse(), which looks at no file
  std::string jwks_url;             // from here; "": from where the issuer's metadata says (OpenID Connect Discovery)
  std::vector<KeyHost> hosts;       // where it may be fetched from
  std::string rsa_algorithm;        // of RSA keys that name none: "RS256"
  std::vector<std::string> claims;  // that travel with the user
  std::vector<ApiKey> api_keys;
  std::optional<ClientCertificates> client_certificates;
  Position position;
  bool operator==(const Provider&) const = default;
};

// What a route asks for. `by` empty: nobody is asked who they are.
struct Auth {
  std::vector<std::string> by;      // names of providers
  bool optional = false;            // who brings no credential passes, as nobody
  std::vector<std::string> scopes;  // the user needs each
  bool operator==(const Auth&) const = default;
};

}  // namespace bulkhead::manifest
