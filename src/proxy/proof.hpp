#pragma once

#include "net/address.hpp"
#include "proxy/core.hpp"

namespace bulkhead::proxy {

// Whether the inner door at `address` really denies, tried over the wire before anyone depends on it: a stranger
// without a certificate is not let in, and a request and a raw connection that no rule allows (our own identity is
// nobody's caller) are refused. A Fault says which of it got through; the process must not serve then.
net::Task<Result<>> prove_inner_door_denies(Core& core, net::Address address);

}  // namespace bulkhead::proxy
