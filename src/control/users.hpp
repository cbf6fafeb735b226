#pragma once

#include <map>
#include <string>
#include <vector>

#include "manifest/application.hpp"
#include "proxy/snapshot.hpp"

// What an application knows end users by: the keys of those who vouch for them, and the key by which its gateway says
// who it was, that every sidecar believes.
namespace bulkhead::control {

struct Users {
  std::vector<proxy::Provider> providers;
  std::string signing_key_pem;  // a secret: for the gateway alone
  std::string keys;             // JWK Set of the above, for everybody; "" without providers
  // What tokens are sealed with for each service (jose/seal.hpp): a secret of it and the gateway.
  std::map<std::string, std::string> seals;
};

// As a snapshot has it.
proxy::Provider provider_of(const manifest::Provider& written);

// Makes the signing key and the seals' secret, once, and keeps them in the directory `place` (0600, as the certificate
// authority's).
Result<Users> users_of(const manifest::Application& application, const std::string& place);

}  // namespace bulkhead::control
