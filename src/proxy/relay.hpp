#pragma once

// Carries one request to a destination and its answer back, the same for every door: bodies both ways at once, interim
// answers, trailers, early answers, tunnels with half-close, cancellation from both sides, a deadline, further tries,
// and another answer where all of them failed. What differs between doors is told in RelayRules, what differs between
// requests in RelayTerms.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "proxy/call.hpp"
#include "proxy/destination.hpp"
#include "proxy/flights.hpp"

namespace bulkhead::proxy {

struct RelayRules {
  Audience audience = Audience::local;
  std::string_view hop_name;  // in proxy-status
  // Inner door: a request that could not be sent is given back to the caller's sidecar as refused (it may try another
  // instance) instead of being answered.
  bool give_back = false;
  // A sidecar is behind, and marks what it says for itself. Whatever a program says, it does not speak for one.
  bool sidecar_behind = false;
  // Changes the head of whatever is answered before it is sent, a refusal's, too; may be empty.
  std::function<void(http::Fields&)> edit_answer;
  // The gateway answers a proxy's refusal with its own words, and what a proxy said of itself stays inside.
  bool replace_refusals = false;
  // Octets of a body, 0: any. Not of a tunnel's.
  std::uint64_t most_request = 0;
  std::uint64_t most_answer = 0;
};

// The default: no deadline, and only what was never sent is sent again. What is pointed at outlives the relay.
struct RelayTerms {
  net::Deadline deadline = net::Deadline::never();  // of the whole answer; a tunnel's, of its beginning
  bool deadline_is_inherited = false;               // of whoever caused this request: it blames no destination
  Call* call = nullptr;                             // whose retries it may use
  const Draw* draw = nullptr;                       // with `call`
  const manifest::Fallback* fallback = nullptr;
  // Makes the destination that `fallback` names; null if it may not be called.
  std::function<std::unique_ptr<Destination>()> fall_back_to;
};

// `request` is what is sent, edited already. Returns when everything is over and `visit` says how it was.
net::Task<> relay(ServerExchange& down, http::Request& request, Destination& destination, Visit& visit,
                  const RelayRules& rules, const RelayTerms& terms, Flight& flight, net::Loop& loop);

// Answers a request with a refusal. Caller, callee, method and path are taken from the visit where the refusal has
// none. `edit` changes its head before it is sent; may be empty.
net::Task<> refuse(ServerExchange& down, Refusal refusal, Visit& visit, Audience audience, std::string_view hop,
                   const std::function<void(http::Fields&)>& edit = {});

}  // namespace bulkhead::proxy
