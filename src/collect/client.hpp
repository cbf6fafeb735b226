#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/result.hpp"

namespace bulkhead::collect {

// Asks the collector at this Unix socket (docs/api.md) and waits for the whole answer, at most ten seconds. What it
// refuses is a Fault with its detail; Cause::unreachable: nobody is there.
Result<nlohmann::json> ask_collector(const std::string& socket, const std::string& method, const std::string& target);

// Text for a query: what is not unreserved (RFC 3986 §2.3) as %XX.
std::string encode_query(std::string_view text);

}  // namespace bulkhead::collect
