#pragma once

// A request on its way to another service, the same for a sidecar's outer door and for the gateway: where it goes, how
// much time it has, what is done to it for a test, and what happens when it fails.

#include "proxy/core.hpp"
#include "proxy/relay.hpp"

namespace bulkhead::proxy {

struct Outgoing {
  ServerExchange& exchange;
  http::Request request;  // as the other service is to see it
  Visit& visit;
  ConfigPtr config;          // that holds both of these
  const Upstream& declared;  // what was called: its timeout, faults and fallback count
  const Upstream& target;    // where it goes: its retries, breaker, outliers and slow start count
  net::Deadline caused_by;   // until when the request that caused this one must be answered
};

// Where a call goes: to what was called (one of the snapshot's upstreams), or to the split of it that takes this
// request.
const Upstream* choose_target(const Snapshot& snapshot, const Upstream* declared, const http::Fields& fields,
                              const Journal& journal);
// One of the snapshot's upstreams, or null.
const Upstream* find_upstream(const Snapshot& snapshot, std::string_view service, std::uint16_t port);

// Whether `service` stands behind `declared`: itself, or by a split of it.
bool leads_to(const Upstream& declared, std::string_view service);

// Returns when everything is over. `flight` says what still allows it; it is watched from here on. The request has been
// authorized for its target.
net::Task<> carry(Core& core, Outgoing& outgoing, Flight& flight, const RelayRules& rules);

}  // namespace bulkhead::proxy
