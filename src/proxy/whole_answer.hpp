#pragma once

// An answer that is wanted whole, in memory: for what this process asks itself, not for what it forwards.

#include <string>

#include "proxy/exchange.hpp"

namespace bulkhead::proxy {

// The final head; interim ones are passed over.
net::Task<Result<http::Response>> read_final_head(ClientExchange& exchange, net::Deadline deadline);

// The body behind it. Cause::exhausted where that is more than `most` octets.
net::Task<Result<std::string>> read_whole_body(ClientExchange& exchange, const http::Response& head, std::size_t most,
                                               net::Deadline deadline);

}  // namespace bulkhead::proxy
