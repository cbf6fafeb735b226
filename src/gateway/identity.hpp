#pragma once

// Whom a provider vouches for.

#include <memory>
#include <string>
#include <string_view>

#include "conditions/document.hpp"

namespace bulkhead::gateway {

// Immutable: all requests that bring one credential share it.
struct Identity {
  // `claims` are those that travel, an object, and `scopes`, a list, where there are any.
  Identity(std::string the_subject, std::string the_provider, nlohmann::json claims = nlohmann::json::object())
      : subject(std::move(the_subject)),
        provider(std::move(the_provider)),
        claims(std::make_shared<const conditions::Document>(std::move(claims))) {}

  const std::string subject;
  const std::string provider;
  const std::shared_ptr<const conditions::Document> claims;

  bool has_scope(std::string_view scope) const;
};
using IdentityPtr = std::shared_ptr<const Identity>;

}  // namespace bulkhead::gateway
