#pragma once

// Who is it? Answered by the one credential that a request brings: a JSON Web Token or an API key, as `Authorization:
// Bearer` (RFC 6750 §2.1), an API key also as `X-API-Key`; a request that brings none, by the certificate of its
// connection. A certificate never makes up for a credential that is refused. Pure, but that it remembers tokens it has
// verified. Loop's thread only.

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/client_certificate.hpp"
#include "gateway/identity.hpp"
#include "http/fields.hpp"
#include "jose/api_key.hpp"
#include "jose/cache.hpp"
#include "jose/key_set.hpp"
#include "proxy/snapshot.hpp"

namespace bulkhead::gateway {

// Why a request goes no further, as the client is told (RFC 6750 §3).
struct Challenge {
  std::string_view error;  // "invalid_token", ...; "" where no credential came
  std::string description;
  std::vector<std::string> scopes;   // that are missing, with insufficient_scope
  bool by_certificate_only = false;  // nothing that a request can bring would help
  bool operator==(const Challenge&) const = default;
};
// The value of WWW-Authenticate.
std::string to_string(const Challenge& challenge, std::string_view realm);
// The line of a route that would let such a request pass: "auth: {by: [people], optional: true}", or without the scopes
// that are missing; "" of a credential that is wrong, for which there is none.
std::string allowance(const manifest::Auth& rule, const Challenge& challenge);

class Authenticator {
 public:
  // Cause::invalid names the provider whose keys can't be read; what was configured before stays. Tokens that were
  // verified with a provider's keys are remembered as long as it is there unchanged.
  Result<> configure(const proxy::Gateway& gateway);

  struct Answer {
    IdentityPtr identity;                // neither: nobody, and nobody has to be
    std::optional<Challenge> challenge;  // it goes no further
    IdentityPtr lacking{};               // whose scopes do not suffice; then there is a challenge
    // The provider whose keys may be too old, or are not there at all; "" where that is not so. Who can fetch them asks
    // again then.
    std::string wants_keys{};
    bool keys_missing = false;
  };
  // A provider that is not configured vouches for nobody. `certificate` is the connection's; null without TLS.
  Answer ask(const manifest::Auth& rule, const http::Fields& fields, jose::Time now,
             ClientCertificate* certificate = nullptr);
  // Likewise of the one credential of a request that has been admitted; "" where it brought none.
  Answer ask(const manifest::Auth& rule, std::string_view credential, jose::Time now,
             ClientCertificate* certificate = nullptr);
  // The one credential; "" where none is there or there are several.
  static std::string_view credential(const http::Fields& fields);

  // The keys of a provider that has none in its words, from now on.
  void take_keys(std::string_view provider, std::optional<jose::KeySet> keys);

  // A credential for the gateway is none for anybody behind it. What else an Authorization field may say is left where
  // the route asks for nobody.
  void strip(http::Fields& fields, bool asked) const;

 private:
  struct Verified {
    IdentityPtr identity;
    jose::Time expires;
  };
  struct Provider {
    explicit Provider(proxy::Provider the_words) : words(std::move(the_words)) {}
    proxy::Provider words;
    std::optional<jose::KeySet> keys;
    std::optional<jose::ApiKeys> api_keys;
    std::map<std::string, IdentityPtr, std::less<>> api_users;  // by the key's id
    std::shared_ptr<const ClientAuthority> authority;           // of client certificates; then there are no keys
    jose::Cache<Verified> verified;
  };
  struct Fault {
    Challenge challenge;
    bool wants_keys = false;
  };
  using Found = std::expected<IdentityPtr, Fault>;

  static Result<std::shared_ptr<Provider>> make(const proxy::Provider& words);
  Answer find(const manifest::Auth& rule, std::string_view credential, jose::Time now);
  Answer find(const manifest::Auth& rule, ClientCertificate& certificate, jose::Time now) const;
  bool asks_for_certificates_only(const manifest::Auth& rule) const;
  static Found by_token(Provider& provider, std::string_view text, const jose::Digest& digest, jose::Time now);
  static Found by_api_key(const Provider& provider, std::string_view text, jose::Time now);

  std::map<std::string, std::shared_ptr<Provider>, std::less<>> providers_;
};

}  // namespace bulkhead::gateway
