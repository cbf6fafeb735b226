#pragma once

// Whom a provider vouches for.

#include <memory>
#include <string>
#include <string_view>

#include "proxy/end_user.hpp"

namespace bulkhead::gateway {

// A user of a provider: of two, each may have users of one name. No name has a line feed in it.
inline std::string user_key(std::string_view provider, std::string_view subject) {
  std::string key;
  key.reserve(provider.size() + 1 + subject.size());
  return key.append(provider).append("\n").append(subject);
}

// Immutable: all requests that bring one credential share it.
struct Identity {
  // `the_claims` are those that travel, an object, and `scopes`, a list, where there are any.
  Identity(std::string the_subject, std::string the_provider, nlohmann::json the_claims = nlohmann::json::object())
      : subject(std::move(the_subject)),
        provider(std::move(the_provider)),
        key(user_key(provider, subject)),
        context(jose::TxnContext::written(std::move(the_claims))),
        claims(proxy::claims_of(context)) {}

  const std::string subject;
  const std::string provider;
  const std::string key;  // user_key() of the two
  const std::shared_ptr<const jose::TxnContext> context;
  const std::shared_ptr<const conditions::Document> claims;  // the same, as conditions read it

  // As a decision is told of it; borrows from this.
  policy::User user() const { return {subject, provider, claims->value()}; }
  bool has_scope(std::string_view scope) const;
};
using IdentityPtr = std::shared_ptr<const Identity>;

}  // namespace bulkhead::gateway
