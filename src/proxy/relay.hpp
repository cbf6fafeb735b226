#pragma once

// Carries one request to a destination and its answer back, the same for every door: bodies both ways at once, interim
// answers, trailers, early answers, tunnels with half-close, cancellation from both sides, and another try for what was
// never sent. What differs between doors is told in RelayRules.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "proxy/destination.hpp"
#include "proxy/flights.hpp"

namespace bulkhead::proxy {

struct RelayRules {
  Audience audience = Audience::local;
  std::string_view hop_name;  // in proxy-status
  // Inner door: a request that could not be sent is given back to the caller's sidecar as refused (it may try another
  // instance) instead of being answered.
  bool give_back = false;
  // Changes the answer's head before it is sent. A cause means that the answer is a refusal made by a proxy behind.
  std::function<std::optional<RefusalCause>(http::Response&)> edit_answer;
  // The gateway answers a proxy's refusal with its own words.
  bool replace_refusals = false;
};

// `request` is what is sent, edited already. Returns when everything is over and `visit` says how it was.
net::Task<> relay(ServerExchange& down, const http::Request& request, Destination& destination, Visit& visit,
                  const RelayRules& rules, Flight& flight, net::Loop& loop);

// Answers a request with a refusal. Caller, callee, method and path are taken from the visit where the refusal has
// none.
net::Task<> refuse(ServerExchange& down, Refusal refusal, const Visit& visit, Audience audience, std::string_view hop);

}  // namespace bulkhead::proxy
