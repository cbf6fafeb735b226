#pragma once

// Whom a provider vouches for.

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace bulkhead::gateway {

struct Identity {
  std::string subject;
  std::string provider;
  nlohmann::json claims = nlohmann::json::object();  // those that travel, and `scopes`, a list, where there are any
  bool operator==(const Identity&) const = default;

  bool has_scope(std::string_view scope) const;
};

}  // namespace bulkhead::gateway
