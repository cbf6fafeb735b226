#pragma once

// A provider's keys, as they stand in a snapshot. Pure.

#include "identity/client_certificate.hpp"
#include "jose/api_key.hpp"
#include "jose/key_set.hpp"
#include "proxy/snapshot.hpp"

namespace bulkhead::proxy {

// Of tokens: of `provider.jwks`, or of what was fetched for it. Cause::invalid, also for an algorithm that is none of
// RSA's.
Result<jose::KeySet> read_key_set(const Provider& provider);
Result<jose::KeySet> read_key_set(const Provider& provider, std::string_view jwks);
Result<jose::ApiKeys> read_api_keys(const Provider& provider);
Result<identity::ClientAnchors> read_client_anchors(const Provider& provider);

}  // namespace bulkhead::proxy
